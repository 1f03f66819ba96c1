"""Connections that break one side after the other, and a server that is restarted."""

from __future__ import annotations

import asyncio

import pytest

from natya.memory import ManualClock, MemoryBroker, MemoryBus
from natya.message import MSG_ID, Delivery
from natya.ports.bus import NoReply, NoResponders


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def broker(clock: ManualClock) -> MemoryBroker:
    broker = MemoryBroker(clock=clock)
    broker.make_kind("account", 1)
    return broker


async def test_a_severed_connection_looks_whole_from_its_own_side(broker: MemoryBroker, clock: ManualClock) -> None:
    bus, other = MemoryBus(broker), MemoryBus(broker)
    heard: list[Delivery] = []
    await bus.subscribe("a.b", heard.append)
    bus.sever()
    assert bus.connected
    with pytest.raises(NoResponders):
        await other.request("a.b", b"", timeout=1.0)
    asking = asyncio.ensure_future(bus.request("c.d", b"", timeout=60.0))
    await clock.settle()
    assert not asking.done(), "what is sent goes nowhere, and nobody says so"
    bus.disconnect()
    with pytest.raises(NoReply):
        await asking
    bus.reconnect()
    other.publish("a.b", b"again")
    await clock.settle()
    assert [delivery.data for delivery in heard] == [b"again"]


async def test_a_server_that_is_restarted_forgets_the_ids_of_what_is_purged(broker: MemoryBroker) -> None:
    bus = MemoryBus(broker)
    stream = broker.stream("natya_mail_account")
    assert stream is not None

    async def tell(id: str) -> int:
        return await bus.store("natya.tell.account.alice.deposit", b"", {MSG_ID: id}, timeout=1.0)

    assert [await tell("one"), await tell("two"), await tell("one")] == [1, 2, 1]
    stream.purge(">", before=2)
    assert await tell("one") == 1, "the window knows it, though it is gone"
    broker.restart()
    assert [await tell("one"), await tell("two")] == [3, 2]
