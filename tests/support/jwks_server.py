"""Another issuer's web server: publishes keys, counts who asks, and can be told to misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer


class JwksServer:
    """``body`` is what it answers, with ``status`` and ``headers``; ``hold`` lets answers wait."""

    def __init__(self, *keys: Mapping[str, Any]) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.requests: list[str] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.publish(*keys)
        self.url = ""

    def publish(self, *keys: Mapping[str, Any]) -> None:
        self.body = orjson.dumps({"keys": keys})

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append(request.path)
        await self.hold.wait()
        return web.Response(body=self.body, status=self.status, headers=self.headers)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[JwksServer]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        async with TestServer(app) as server:
            self.url = str(server.make_url("/jwks"))
            yield self
