"""What the memory server does beyond the ports: kinds, acknowledgements, the window of message ids, chance."""

from __future__ import annotations

from collections import Counter
from functools import partial

import orjson
import pytest

from natya.clock import SystemClock
from natya.errors import ConfigurationError, Invalid
from natya.memory import ManualClock, MemoryBroker, MemoryBus, MemoryRegistry, SeededIds
from natya.memory.subject import matches
from natya.message import Delivery
from natya.ports.bus import Refused
from support.memory_world import memory_world
from support.world import eventually


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.b.c", False),
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("*.*", "a.b", True),
        ("a.>", "a.b.c", True),
        ("a.>", "a", False),
        ("a.>", "b.c", False),
        (">", "a", True),
        (">", "a.b.c", True),
        ("*.b.>", "a.b.c", True),
        ("*.b.>", "a.c.c", False),
    ],
)
def test_a_pattern_matches_as_on_nats(pattern: str, subject: str, expected: bool) -> None:
    assert matches(pattern.split("."), subject.split(".")) is expected


async def test_a_kind_is_made_once_and_keeps_its_partitions() -> None:
    async with MemoryBroker() as broker:
        broker.make_kind("shop", 4)
        broker.make_kind("shop", 4)
        with pytest.raises(ConfigurationError, match="4 partitions, not 8"):
            broker.make_kind("shop", 8)
        with pytest.raises(Invalid):
            broker.make_kind("No kind", 4)


async def test_a_request_to_a_stream_is_answered_with_its_acknowledgement() -> None:
    async with memory_world() as world:
        world.broker.make_kind("shop", 1)
        headers = {"Nats-Msg-Id": "k/1"}
        first = await world.home.request("natya.tell.shop.k.buy", b"{}", headers, timeout=1)
        again = await world.home.request("natya.tell.shop.k.buy", b"{}", headers, timeout=1)
        assert orjson.loads(first.data) == {"stream": "natya_mail_shop", "seq": 1}
        assert orjson.loads(again.data) == {"stream": "natya_mail_shop", "seq": 1, "duplicate": True}


async def test_a_message_id_is_forgotten_after_two_minutes() -> None:
    async with memory_world() as world:
        world.broker.make_kind("shop", 1)

        async def store(id: str) -> int:
            return await world.home.store("natya.tell.shop.k.buy", b"{}", {"Nats-Msg-Id": id}, timeout=1)

        assert await store("a") == 1
        await world.elapse(60)
        assert await store("b") == 2
        await world.elapse(59)
        assert await store("a") == 1
        await world.elapse(1)
        assert (await store("a"), await store("b")) == (3, 2)


async def test_events_and_dead_letters_can_be_read() -> None:
    async with memory_world() as world:
        await world.home.store("natya.event.shop.k.sold", b"1", {"a": "b"}, timeout=1)
        await world.home.store("natya.dead.shop.k.buy", b"2", timeout=1)
        [event], [dead] = world.broker.events, world.broker.dead_letters
        assert (event.subject, event.data, event.headers) == ("natya.event.shop.k.sold", b"1", {"a": "b"})
        assert (event.sequence, event.time) == (1, world.clock.now_ms())
        assert (dead.subject, dead.data) == ("natya.dead.shop.k.buy", b"2")


async def test_an_expectation_in_a_plain_publish_is_kept_too() -> None:
    async with memory_world() as world:
        world.broker.make_kind("shop", 1)
        with pytest.raises(Refused, match="wrong last sequence: 0"):
            await world.home.store("natya.journal.shop.0", b"", {"Nats-Expected-Last-Subject-Sequence": "7"}, timeout=1)


async def test_the_member_of_a_queue_group_is_chosen_by_the_seed_alone() -> None:
    async def choices(seed: int) -> list[int]:
        async with MemoryBroker(clock=ManualClock(), ids=SeededIds(seed)) as broker:
            bus, taken = MemoryBus(broker), list[int]()

            def take(member: int, delivery: Delivery) -> None:
                taken.append(member)

            for member in range(3):
                await bus.subscribe("work", partial(take, member), queue="crew")
            for _ in range(60):
                bus.publish("work", b"")
            await eventually(lambda: len(taken) == 60)
            return taken

    first = await choices(1)
    assert first == await choices(1)
    assert first != await choices(2)
    assert min(Counter(first).values()) > 5


async def test_a_time_to_live_is_in_whole_seconds() -> None:
    async with MemoryBroker() as broker:
        registry = MemoryRegistry(MemoryBus(broker), "b")
        for ttl in (0, 0.5, 1.5, -1):
            with pytest.raises(ValueError, match="whole seconds"):
                await registry.put("a", b"", ttl=ttl)
        assert await registry.get("a") is None


async def test_leaving_the_broker_ends_what_waited_in_it() -> None:
    async with MemoryBroker(clock=SystemClock()) as broker:
        await MemoryRegistry(MemoryBus(broker), "b").put("a", b"", ttl=3600)
