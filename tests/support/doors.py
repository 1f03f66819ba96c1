"""An edge behind its doorman, over a platform that only records, and connections to it byte by byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from natya.clock import RandomIds
from natya.memory import MemoryStore
from natya_edge.app import make_app
from natya_edge.gateway import Gateway
from natya_edge.guard.doorman import Doorman
from natya_edge.guard.listening import listening
from natya_edge.guard.rates import PROXIES
from natya_edge.load.front import FRONT
from natya_edge.settings import EdgeSettings
from support.edge import SECRET, RecordingPlatform


@dataclass
class Doors:
    """An edge that listens on ``port``."""

    port: int
    doorman: Doorman
    platform: RecordingPlatform = field(default_factory=RecordingPlatform)

    async def connect(self, source: str = "127.0.0.1") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection from that address."""
        return await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))

    async def send(self, request: bytes, source: str = "127.0.0.1") -> bytes:
        """All that comes back until the other side ends."""
        reader, writer = await self.connect(source)
        writer.write(request)
        return await read_all(reader, writer)


async def read_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """What comes until the end, which may be a reset."""
    found = b""
    try:
        async with asyncio.timeout(20):
            while chunk := await reader.read(1 << 16):
                found += chunk
    except ConnectionError:
        pass
    finally:
        writer.close()
    return found


@asynccontextmanager
async def doors(**settings: Any) -> AsyncIterator[Doors]:
    """An edge with these settings."""
    edge = EdgeSettings(_env_file=None, hs256=True, secret=SECRET, **settings)
    gateway, platform = Gateway(), RecordingPlatform()
    gateway.attach(platform)
    app = make_app(edge, gateway, MemoryStore())
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    doorman = Doorman(edge, app[PROXIES], RandomIds())
    try:
        async with listening(runner, doorman, app[FRONT], "127.0.0.1", 0) as url:
            yield Doors(urlsplit(url).port or 0, doorman, platform)
    finally:
        await runner.cleanup()
