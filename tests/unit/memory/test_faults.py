"""What may go wrong between the memory server and its connections, and what adapters then say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from natya.memory import Faults, MemoryBus, MemoryJournal
from natya.message import Delivery
from natya.ports.bus import NoReply, NoResponders
from natya.ports.journal import AppendRefused, AppendUnknown
from natya.ports.lease import Entry, LeaseUnknown
from support.memory_world import MemoryWorld, memory_world


class Script(Faults):
    """Faults by direction, connection and subject; ``"*"`` stands for every subject."""

    def __init__(self) -> None:
        self.ways: dict[tuple[str, str, str], float | None] = {}
        self.is_full = False

    def _look_up(self, way: str, connection: str, subject: str) -> float | None:
        return self.ways.get((way, connection, subject), self.ways.get((way, connection, "*"), 0.0))

    def sending(self, connection: str, subject: str) -> float | None:
        return self._look_up("sending", connection, subject)

    def delivering(self, connection: str, subject: str) -> float | None:
        return self._look_up("delivering", connection, subject)

    def full(self, subject: str) -> bool:
        return self.is_full


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
async def world(script: Script) -> AsyncIterator[MemoryWorld]:
    async with memory_world(script) as world:
        world.broker.make_kind("shop", 1)
        yield world


JOURNAL = "natya.journal.shop.0"


async def append(world: MemoryWorld, seconds: float = 3.0) -> int:
    """One append to the empty journal, while ``seconds`` pass."""
    appending = asyncio.create_task(world.journal.append("shop", 0, b"a", expected=0))
    await world.elapse(seconds)
    return await appending


async def test_a_lost_append_times_out_and_is_not_there(world: MemoryWorld, script: Script) -> None:
    script.ways["sending", "home", JOURNAL] = None
    with pytest.raises(AppendUnknown):
        await append(world)
    assert await world.journal.last("shop", 0) is None


async def test_an_append_whose_answer_is_lost_times_out_and_is_there(world: MemoryWorld, script: Script) -> None:
    script.ways["delivering", "home", JOURNAL] = None
    with pytest.raises(AppendUnknown):
        await append(world)
    last = await world.journal.last("shop", 0)
    assert last
    assert last.data == b"a"


async def test_a_late_append_is_there_after_it_timed_out_even_if_the_connection_broke(
    world: MemoryWorld, script: Script
) -> None:
    script.ways["sending", "home", JOURNAL] = 5.0
    with pytest.raises(AppendUnknown):
        await append(world)
    world.home.disconnect()
    world.home.reconnect()
    assert await world.journal.last("shop", 0) is None
    await world.elapse(3)
    assert await world.journal.last("shop", 0) is not None


async def test_a_full_server_refuses_an_append_and_leaves_other_writes_unknown(world: MemoryWorld, script: Script) -> None:
    script.is_full = True
    with pytest.raises(AppendRefused):
        await world.journal.append("shop", 0, b"a", expected=0)
    with pytest.raises(NoReply):
        await world.home.store("natya.tell.shop.k.buy", b"{}", timeout=1)
    with pytest.raises(LeaseUnknown):
        await world.registry.put("a", b"1")
    script.is_full = False
    assert await world.journal.append("shop", 0, b"a", expected=0) == 1
    assert await world.registry.get("a") is None


async def test_a_write_whose_answer_is_lost_is_unknown_and_done(world: MemoryWorld, script: Script) -> None:
    script.ways["delivering", "home", "$KV.natya_cluster.a"] = None
    writing = asyncio.create_task(world.registry.put("a", b"1", expected=0))
    await world.elapse(2)
    with pytest.raises(LeaseUnknown):
        await writing
    assert await world.registry.get("a") == Entry("a", b"1", 1)


async def test_a_watch_misses_nothing_that_is_lost_on_the_way(world: MemoryWorld, script: Script) -> None:
    seen: list[Entry] = []
    await world.registry.watch(seen.append)
    script.ways["delivering", "home", "*"] = None
    writing = asyncio.create_task(world.registry.put("a", b"1"))
    await world.elapse(2)
    with pytest.raises(LeaseUnknown):
        await writing
    assert seen == [Entry("a", b"1", 1)]


async def test_a_slow_connection_keeps_its_order_and_lets_others_overtake(world: MemoryWorld, script: Script) -> None:
    slow, fast = MemoryBus(world.broker, "slow"), MemoryBus(world.broker, "fast")
    seen: list[str] = []

    def note(name: str, delivery: Delivery) -> None:
        seen.append(f"{name} {delivery.subject}")

    for name, bus in (("slow", slow), ("fast", fast)):
        await bus.subscribe("x.*", partial(note, name))
    script.ways["delivering", "slow", "x.1"] = 1.0
    for n in (1, 2):
        world.home.publish(f"x.{n}", b"")
    await world.elapse(0.5)
    assert seen == ["fast x.1", "fast x.2"]
    await world.elapse(0.5)
    assert seen == ["fast x.1", "fast x.2", "slow x.1", "slow x.2"]


async def test_what_a_slow_connection_sends_keeps_its_order(world: MemoryWorld, script: Script) -> None:
    slow = MemoryBus(world.broker, "slow")
    seen: list[bytes] = []
    await world.home.subscribe("x", lambda delivery: seen.append(delivery.data))
    script.ways["sending", "slow", "x"] = 1.0
    slow.publish("x", b"1")
    script.ways.clear()
    slow.publish("x", b"2")
    await world.elapse(0.9)
    assert seen == []
    await world.elapse(0.2)
    assert seen == [b"1", b"2"]


async def test_a_broken_connection_loses_what_was_on_its_way_to_it(world: MemoryWorld, script: Script) -> None:
    seen: list[bytes] = []
    receiver = MemoryBus(world.broker, "receiver")
    await receiver.subscribe("x", lambda delivery: seen.append(delivery.data))
    script.ways["delivering", "receiver", "x"] = 1.0
    world.home.publish("x", b"on its way")
    await world.elapse(0.5)
    receiver.disconnect()
    receiver.reconnect()
    world.home.publish("x", b"after")
    await world.elapse(2)
    assert seen == [b"after"]


async def test_subscribing_on_a_connection_that_breaks_meanwhile_leaves_nothing_behind(world: MemoryWorld) -> None:
    bus = MemoryBus(world.broker)
    subscribing = asyncio.create_task(bus.subscribe("x", lambda delivery: None))
    await asyncio.sleep(0)
    subscribing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await subscribing
    with pytest.raises(NoResponders):
        await world.home.request("x", b"", timeout=1)


async def test_a_closed_connection_stays_closed(world: MemoryWorld) -> None:
    bus = MemoryBus(world.broker)
    called: list[str] = []
    bus.on_disconnect(lambda: called.append("lost"))
    journal = MemoryJournal(bus)
    await bus.close()
    await bus.close()
    bus.reconnect()
    assert not bus.connected
    assert called == []
    with pytest.raises(AppendUnknown):
        await journal.append("shop", 0, b"a", expected=0)
