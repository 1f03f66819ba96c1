"""One limit over several edges: what they tell one another, and how wrong it can be."""

from __future__ import annotations

import asyncio
import logging
from random import Random

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from natya.memory import MemoryBroker, MemoryBus
from natya_edge.errors import RateLimited
from natya_edge.guard.limit import MOST_REPORTED, Limit
from natya_edge.guard.sharing import Sharing
from support.world import eventually


class Edge:
    """One of several edges, in a world whose time is a number; a report takes ``delay`` to the others."""

    def __init__(self, rate: float, burst: int, world: World) -> None:
        self.limit = Limit("principal", "too much", rate, burst, size=1_000, now=lambda: world.now)

    def passes(self, key: str = "ada") -> bool:
        try:
            self.limit.take(key)
        except RateLimited:
            return False
        return True


class World:
    def __init__(self, edges: int, rate: float, burst: int) -> None:
        self.now = 1_000.0
        self.edges = [Edge(rate, burst, self) for _ in range(edges)]

    def tell(self) -> None:
        reports = [edge.limit.report() for edge in self.edges]
        for number, edge in enumerate(self.edges):
            for other, report in enumerate(reports):
                if other != number:
                    edge.limit.heard(report)


@settings(deadline=None, max_examples=40)
@given(
    edges=st.integers(2, 5),
    rate=st.sampled_from([5, 40, 200]),
    burst=st.sampled_from([1, 10, 100]),
    ticks=st.integers(2, 12),
    load=st.floats(0.1, 4),
    seed=st.integers(0, 1_000),
)
def test_two_edges_let_no_more_through_than_is_promised(
    edges: int, rate: int, burst: int, ticks: int, load: float, seed: int
) -> None:
    """Any number of edges, in every stretch of time, whatever the load on each."""
    world, random, interval = World(edges, rate, burst), Random(seed), 0.25
    times: list[float] = []
    for _ in range(ticks):
        step = interval / 25
        for _ in range(25):
            world.now += step
            for edge in world.edges:
                tries = int(random.expovariate(1) * load * max(1, rate * step * edges))
                times += [world.now] * sum(edge.passes() for _ in range(tries))
        world.tell()
    for first, began in enumerate(times):
        for count in range(first, len(times), 7):
            stretch = times[count] - began
            allowed = burst + rate * stretch + (edges - 1) * (burst + rate * interval + max(1, burst / 8))
            assert count - first + 1 <= allowed + 1


def test_in_the_long_run_it_is_the_rate_however_many_edges_there_are() -> None:
    world = World(4, rate=100, burst=50)
    passed = 0
    for step in range(20_000):  # 200 s, each edge asked for 100 a second
        world.now += 0.01
        passed += sum(edge.passes() for edge in world.edges)
        if step % 25 == 24:
            world.tell()
    assert 0.97 * 100 * 200 <= passed <= 100 * 200 + 50 + 3 * (50 + 25 + 7)


def test_little_use_at_each_edge_is_too_much_in_all() -> None:
    """None of the edges would refuse anything by itself: each sees half of the rate."""
    world = World(4, rate=100, burst=40)
    passed = 0
    for step in range(20_000):
        world.now += 0.01
        passed += sum(edge.passes() for edge in world.edges if step % 2)
        if step % 25 == 24:
            world.tell()
    assert passed <= 100 * 200 + 40 + 3 * (40 + 25 + 5)


def test_a_report_has_the_hottest_keys_and_the_rest_follows() -> None:
    limit = Limit("principal", "too much", 1_000, 8, size=10_000, now=lambda: 0.0)
    for number in range(MOST_REPORTED + 50):
        for _ in range(1 + (number % 3)):
            limit.take(f"user{number}")
    first, second = limit.report(), limit.report()
    assert (len(first), len(second), limit.report()) == (MOST_REPORTED, 50, {})
    assert min(first.values()) >= max(second.values())


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker()


def sharing(broker: MemoryBroker, name: str) -> tuple[Limit, MemoryBus, Sharing]:
    limit = Limit("principal", "too much", 1, 10, size=100, now=lambda: 0.0)
    bus = MemoryBus(broker, name)
    return limit, bus, Sharing({"principal": limit}, bus, "natya", name, 0.01)


async def test_edges_hear_of_one_another_and_not_of_themselves(broker: MemoryBroker) -> None:
    (here, _, telling), (there, _, hearing) = sharing(broker, "here"), sharing(broker, "there")
    running = [asyncio.create_task(each.run()) for each in (telling, hearing)]
    await asyncio.sleep(0.02)
    for _ in range(6):
        here.take("ada")
    await eventually(lambda: _left(there) == 4)
    assert _left(here) == 4
    for each in running:
        each.cancel()
    await asyncio.wait(running)


async def test_what_could_not_be_told_is_told_later(broker: MemoryBroker) -> None:
    (here, bus, telling), (there, _, hearing) = sharing(broker, "here"), sharing(broker, "there")
    running = asyncio.create_task(hearing.run())
    await asyncio.sleep(0.02)
    here.take("ada")
    bus.disconnect()
    telling.tell()
    here.take("ada")
    bus.reconnect()
    telling.tell()
    await eventually(lambda: _left(there) == 8)
    running.cancel()
    await asyncio.wait({running})


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"edge":"x","used":{"principal":{"ada":-5}}}', b'{"edge":"x","used":{"principal":{"ada":1e99}}}', b'{"edge":"x","used":[1]}']
)  # fmt: skip
async def test_what_no_edge_has_sent_is_said_and_ignored(
    broker: MemoryBroker, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    limit, _, hearing = sharing(broker, "here")
    running = asyncio.create_task(hearing.run())
    await asyncio.sleep(0.02)
    with caplog.at_level(logging.WARNING, "natya.edge"):
        MemoryBus(broker, "guest").publish("natya.edge.used", data)
        await eventually(lambda: bool(caplog.records))
    assert {record.name for record in caplog.records} == {"natya.edge"}
    assert _left(limit) == 10
    running.cancel()
    await asyncio.wait({running})


async def test_a_limit_that_this_edge_does_not_have_is_ignored(broker: MemoryBroker) -> None:
    limit, _, hearing = sharing(broker, "here")
    running = asyncio.create_task(hearing.run())
    await asyncio.sleep(0.02)
    used = {"principal": {"ada": 3}, "of a later version": {"ada": 3}}
    MemoryBus(broker, "other").publish("natya.edge.used", orjson.dumps({"edge": "other", "used": used}))
    await eventually(lambda: _left(limit) == 7)
    running.cancel()
    await asyncio.wait({running})


def _left(limit: Limit) -> int:
    return limit.look("ada").remaining
