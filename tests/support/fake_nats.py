"""A server that greets like NATS and then does what the test says: for what a real one does rarely or never."""

from __future__ import annotations

import asyncio
import json
from typing import Any


class FakeNats:
    """Accepts connections, answers PING, remembers what it was sent; `send` talks to the newest connection."""

    def __init__(self, **info: Any) -> None:
        self._info = {
            "server_id": "FAKE",
            "version": "2.15.1",
            "headers": True,
            "max_payload": 1 << 20,
            "jetstream": True,
            "proto": 1,
        } | info
        self._server: asyncio.Server | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self.received = bytearray()
        self.connections = 0
        self.farewells = 0
        """So many connections are greeted, and ended at once."""
        self.before_pong = b""
        self.reading = asyncio.Event()
        self.reading.set()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"nats://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> FakeNats:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.reading.set()
        self.drop()
        await self._server.wait_closed()

    def send(self, data: bytes) -> None:
        assert self._writer is not None
        self._writer.write(data)

    def drop(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writer = writer
        self._writers.append(writer)
        self.received = bytearray()
        writer.write(b"INFO " + json.dumps(self._info).encode() + b"\r\n")
        if self.farewells:
            self.farewells -= 1
            writer.transport.abort()
            return
        try:
            while data := await reader.read(1 << 16):
                self.received += data
                if b"PING\r\n" in data:
                    writer.write(self.before_pong + b"PONG\r\n" * data.count(b"PING\r\n"))
                await self.reading.wait()
        except ConnectionError:
            pass
        writer.transport.abort()
