"""A server, a proxy in front of it, and a client's line through it, for tests: what is sent at one end is looked for at the other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import TypeVar

from natya_ops.chaos.proxy import Proxy
from natya_ops.servers.ports import HOST

T = TypeVar("T")

LIMIT = 20.0
"""Seconds after which something that should happen has failed to."""
SILENCE = 0.15
"""Seconds in which nothing may happen."""


class Server:
    """A server that records what it hears. Everything it sends is sent by the test."""

    def __init__(self) -> None:
        self.calls: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self.writers: list[asyncio.StreamWriter] = []
        self.port = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        self.calls.put_nowait((reader, writer))


@asynccontextmanager
async def a_server() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.take, HOST, 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for writer in server.writers:
            await end(writer)


async def end(writer: asyncio.StreamWriter) -> None:
    if not writer.transport.is_closing():
        writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


class Line:
    """A client's connection through the proxy, and what the server has of it."""

    def __init__(self, proxy: Proxy, server: Server) -> None:
        self._proxy = proxy
        self._server = server

    async def __aenter__(self) -> Line:
        self.reader, self.writer = await asyncio.open_connection(HOST, self._proxy.port)
        self.far_reader, self.far_writer = await within(self._server.calls.get())
        return self

    async def __aexit__(self, *_: object) -> None:
        await end(self.writer)

    async def up(self, data: bytes) -> None:
        """Send to the server, and see it arrive."""
        self.writer.write(data)
        assert await within(self.far_reader.readexactly(len(data))) == data

    async def down(self, data: bytes) -> None:
        self.far_writer.write(data)
        assert await within(self.reader.readexactly(len(data))) == data


async def within(awaitable: Awaitable[T]) -> T:
    return await asyncio.wait_for(awaitable, LIMIT)


async def silent(reader: asyncio.StreamReader) -> bool:
    """Whether nothing arrives, not even an end."""
    try:
        await asyncio.wait_for(reader.read(1), SILENCE)
    except TimeoutError:
        return True
    return False


@asynccontextmanager
async def a_line() -> AsyncIterator[tuple[Proxy, Line]]:
    async with a_server() as server, Proxy(server.port) as proxy, Line(proxy, server) as line:
        yield proxy, line


async def connections(proxy: Proxy) -> int:
    return proxy.connections
