"""Connecting again, whatever goes wrong meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from natya.jetstream import connect
from natya.jetstream.wire import Wire
from support.fake_nats import FakeNats
from support.world import eventually


async def a_server_that_ends_while_it_greets() -> None:
    async with FakeNats() as fake:
        fake.farewells = 3
        connection = await connect(fake.url, name="test")
        try:
            for _ in range(5):
                fake.farewells = 3
                fake.drop()
                await eventually(lambda: not connection.connected)
                await eventually(lambda: connection.connected)
                assert await connection.ping()
        finally:
            await connection.close()


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_server_that_ends_while_it_greets_is_tried_again(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """What is written then meets a closed socket, and there uvloop raises what nobody expects."""
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(asyncio.wait_for(a_server_that_ends_while_it_greets(), 30))


@pytest.mark.parametrize("trouble", [RuntimeError("nobody expects this"), asyncio.CancelledError()])
async def test_whatever_goes_wrong_while_connecting_again_it_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, trouble: BaseException
) -> None:
    """A cancellation that no one has asked for is one of these: before Python 3.12 a time-out can leave one behind."""
    readline, failures = Wire.readline, [trouble, trouble]

    async def fails_twice(wire: Wire) -> bytes:
        if failures:
            raise failures.pop()
        return await readline(wire)

    async with FakeNats() as fake:
        connection = await connect(fake.url, name="test")
        monkeypatch.setattr(Wire, "readline", fails_twice)
        fake.drop()
        await eventually(lambda: not connection.connected)
        await eventually(lambda: connection.connected)
        assert failures == []
        assert await connection.ping()
        assert fake.connections == 4
        await connection.close()


@pytest.mark.parametrize("line", [b"INFO", b"PONG"])
@pytest.mark.parametrize("server_stays", [True, False])
async def test_closing_while_it_connects_again_ends_and_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch, line: bytes, server_stays: bool
) -> None:
    """The cancellation comes just as the line has arrived: before Python 3.12 it is forgotten then."""
    async with FakeNats() as fake:
        connection = await connect(fake.url, name="test")
        loop, readline = asyncio.get_running_loop(), Wire.readline
        closing: list[asyncio.Task[None]] = []

        async def close_then(wire: Wire) -> bytes:
            found = await readline(wire)
            if found.startswith(line) and not closing:
                loop.call_soon(lambda: closing.append(loop.create_task(connection.close())))
                if not server_stays:
                    fake.farewells = 1_000
                    fake.drop()
            return found

        monkeypatch.setattr(Wire, "readline", close_then)
        fake.drop()
        await eventually(lambda: closing)
        await asyncio.wait_for(closing[0], 5)
        connections = fake.connections
        await asyncio.sleep(0.3)
        assert not connection.connected
        assert fake.connections == connections
