"""``natya edge`` as a process of its own, which a test may kill."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientError, ClientSession

from natya_edge.auth.dev_secret import make_dev_token
from support.edge import SECRET
from support.waiting import until

TOKEN = {"Authorization": f"Bearer {make_dev_token(SECRET)}"}


@asynccontextmanager
async def natya_edge(nats: str, store: str, port: int, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "natya_ops",
        "edge",
        stderr=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            "NATYA_NATS": nats,
            "NATYA_STORE": store,
            "NATYA_EDGE_PORT": str(port),
            "NATYA_EDGE_HS256": "1",
            "NATYA_EDGE_SECRET": SECRET,
            **environment,
        },
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def status(http: ClientSession, path: str) -> int:
    """The status of a GET, 0 while nobody listens."""
    try:
        async with http.get(path, headers=TOKEN) as response:
            await response.read()
            return response.status
    except ClientError:
        return 0


async def is_status(http: ClientSession, path: str, wanted: int, *, limit: float = 30.0) -> None:
    await until(lambda: status(http, path), lambda found: found == wanted, limit=limit)
