"""Requests to JetStream that nobody answers."""

from __future__ import annotations

import asyncio

import pytest

from natya.jetstream.dial import connect
from natya.jetstream.requests import NoAnswer, Silence, repeat
from support.fake_nats import FakeNats
from support.world import eventually


async def test_what_may_be_asked_twice_is_asked_again_while_there_is_silence() -> None:
    async with FakeNats() as fake:
        connection = await connect(fake.url, name="test")
        with pytest.raises(Silence):
            await repeat(connection, "STREAM.INFO.s", timeout=0.8)
        assert fake.received.count(b"PUB $JS.API.STREAM.INFO.s ") == 2
        asking = asyncio.create_task(repeat(connection, "STREAM.INFO.t", timeout=5))
        await eventually(lambda: fake.received.count(b"PUB $JS.API.STREAM.INFO.t ") == 2)
        reply = fake.received.rpartition(b"PUB $JS.API.STREAM.INFO.t ")[2].split()[0]
        fake.send(b"MSG %s 1 2\r\n{}\r\n" % reply)
        assert await asking == {}
        await connection.close()


async def test_what_was_lost_with_the_connection_is_not_asked_again() -> None:
    async with FakeNats() as fake:
        connection = await connect(fake.url, name="test")
        asking = asyncio.create_task(repeat(connection, "STREAM.INFO.s", timeout=5))
        await eventually(lambda: b"STREAM.INFO" in fake.received)
        fake.drop()
        with pytest.raises(NoAnswer):
            await asking
        await connection.close()
