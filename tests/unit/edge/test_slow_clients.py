"""Clients that take too little: none costs the others anything, none loses an event, and each is told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from natya_edge.auth.dev_secret import make_dev_token
from natya_edge.keys import STREAMS
from natya_edge.live.subscriber import End
from natya_edge.settings import EdgeSettings
from support.edge import SECRET, RecordingPlatform
from support.event_source import Message, Parser, event_source
from support.world import eventually

TOKEN = f"Bearer {make_dev_token(SECRET, 'ada')}"
FILLING = "x" * 20_000


@pytest.fixture
def edge_settings() -> EdgeSettings:
    return EdgeSettings(
        _env_file=None, hs256=True, secret=SECRET, events_buffer=200_000, events_heartbeat=0.2, events_patience=1
    )


@pytest.fixture
async def http(server: TestServer) -> AsyncIterator[ClientSession]:
    async with ClientSession(str(server.make_url("/")), headers={"Authorization": TOKEN}) as session:
        yield session


class Slow:
    """A client that reads when it is told to, through a socket that holds little."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._parser = Parser()
        self.messages: list[Message] = []

    async def read(self, pause: float = 0.0) -> None:
        """All there is until the end, some kilobytes at a time."""
        rest = b""
        while chunk := await self._reader.read(1 << 14):
            rest += chunk
            while b"\r\n" in rest:  # chunked transfer coding
                size, _, after = rest.partition(b"\r\n")
                if len(after) < int(size, 16) + 2:
                    break
                self.messages += self._parser.feed(after[: int(size, 16)])
                rest = after[int(size, 16) + 2 :]
            await asyncio.sleep(pause)


@asynccontextmanager
async def slow_client(server: TestServer, query: str = "") -> AsyncIterator[Slow]:
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, (server.host, server.port))
    reader, writer = await asyncio.open_connection(sock=raw, limit=1 << 12)
    writer.write(f"GET /v1/events{query} HTTP/1.1\r\nHost: x\r\nAuthorization: {TOKEN}\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    try:
        yield Slow(reader)
    finally:
        writer.transport.abort()


def numbers(messages: list[Message]) -> list[Any]:
    return [message.body["n"] for message in messages if message.type != "end"]


async def test_one_that_takes_nothing_is_dropped_and_resumes_without_a_loss(
    server: TestServer, http: ClientSession, platform: RecordingPlatform
) -> None:
    async def read_when_dropped() -> None:
        await eventually(lambda: server.app[STREAMS].statistics.ended, limit=20)
        await slow.read()

    async with slow_client(server) as slow, event_source(http) as quick:
        await eventually(lambda: server.app[STREAMS].statistics.open == 2)
        quickly, slowly = asyncio.create_task(quick.take(600)), asyncio.create_task(read_when_dropped())
        for n in range(600):
            await platform.emit({"n": n, "filling": FILLING})
        assert numbers(await quickly) == list(range(600))
        await asyncio.wait_for(slowly, 20)
        assert server.app[STREAMS].statistics.ended == {End.SLOW: 1}
    end = slow.messages[-1]
    assert (end.type, end.json["reason"]) == ("end", "slow")
    assert "took nothing for 1 s" in end.json["detail"]
    had = numbers(slow.messages)
    assert end.last_id == str(end.json["after"]) == slow.messages[-2].last_id
    assert 0 < len(had) < 600
    async with event_source(http, last_id=end.last_id) as again:
        assert had + numbers(await again.take(600 - len(had))) == list(range(600))


async def test_one_that_stays_behind_is_dropped_and_resumes_without_a_loss(
    server: TestServer, http: ClientSession, platform: RecordingPlatform
) -> None:
    async with slow_client(server) as slow:
        await eventually(lambda: server.app[STREAMS].statistics.open == 1)
        reading = asyncio.create_task(slow.read(pause=0.01))
        for n in range(2_000):
            await platform.emit({"n": n, "filling": FILLING})
        await asyncio.wait_for(reading, 30)
    end = slow.messages[-1]
    assert (end.type, end.json["reason"]) == ("end", "slow")
    assert "behind for more than 1 s" in end.json["detail"]
    had = numbers(slow.messages)
    assert 0 < len(had) < 2_000
    async with event_source(http, last_id=end.last_id) as again:
        assert had + numbers(await again.take(2_000 - len(had))) == list(range(2_000))


async def test_a_client_that_is_overtaken_by_a_burst_reads_on_from_the_stream(
    server: TestServer, http: ClientSession, platform: RecordingPlatform
) -> None:
    async with event_source(http) as source:
        reading = asyncio.create_task(source.take(3_000))
        for n in range(3_000):  # the client gets no turn in between
            platform.event_stream.stream.append(
                "natya.event.account.ada.changed", b'{"n":%d,"f":"%s"}' % (n, b"x" * 1_000), {}
            )
        assert numbers(await reading) == list(range(3_000))


async def test_a_slow_client_does_not_hold_up_the_end_of_the_edge(server: TestServer, platform: RecordingPlatform) -> None:
    async with slow_client(server):
        await eventually(lambda: server.app[STREAMS].statistics.open == 1)
        for n in range(600):
            await platform.emit({"n": n, "filling": FILLING})
        await asyncio.wait_for(server.close(), 4)
