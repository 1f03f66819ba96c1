"""`natya.runtime.detection`: who is looked at, what is proof, and when nothing is."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any

import orjson
import pytest

from natya.memory import ManualClock, MemoryBroker, MemoryBus, MemoryRegistry, SeededIds
from natya.message import Delivery
from natya.ports.lease import Entry
from natya.runtime.detection import BETWEEN, PROBE_EVERY, QUIET, Detection, neighbours
from natya.runtime.membership import member_key
from natya.runtime.view import View
from natya.telemetry import Telemetry
from natya.telemetry.events import Event, MemberEnded
from support.fake_world import fake_world
from support.trouble import Trouble

TTL = 3.0


class Ring:
    """Members on one server. Those that watch have a `Detection`; the others only a key and an answer to probes. Nobody renews
    but by `renew`."""

    def __init__(self, broker: MemoryBroker, clock: ManualClock, trouble: Trouble, stack: AsyncExitStack) -> None:
        self.broker = broker
        self.clock = clock
        self.trouble = trouble
        self.stack = stack
        self.buses: dict[str, MemoryBus] = {}
        self.views: dict[str, View] = {}
        self.detections: dict[str, Detection] = {}
        self.ended: list[tuple[str, str]] = []
        self._registry = self.registry(MemoryBus(broker, "test"))

    def registry(self, bus: MemoryBus) -> MemoryRegistry:
        return MemoryRegistry(bus, self.broker.subjects.cluster_bucket)

    async def renew(self, name: str, *, ttl: float | None = None) -> int:
        server = self.buses[name].entrance
        card = {"name": name, "server": server, "kinds": {}, "version": "1", "joined": 1}
        return await self._registry.put(member_key(name), orjson.dumps(card), ttl=ttl)

    async def join(self, *names: str, server: str = "s1") -> None:
        for name in names:
            bus = self.buses[name] = MemoryBus(self.broker, name)
            bus.entrance = server
            await bus.subscribe(self.broker.subjects.node(name, "probe"), partial(_answer, bus))
            await self.renew(name)

    async def watch(self, *names: str) -> None:
        """Let these members watch over the others from now on."""
        for name in names:
            bus = self.buses[name]
            world = fake_world(
                self.clock, settings={"lease_ttl": TTL}, bus=bus, cluster=self.registry(bus),
                telemetry=Telemetry(partial(self._told, name)),
            )  # fmt: skip
            view = self.views[name] = View(self.clock)
            await world.cluster.watch(view.apply)
            detection = self.detections[name] = Detection(world, view, name)
            task = asyncio.create_task(detection.run())
            self.stack.push_async_callback(_ended, task)

    def _told(self, name: str, event: Event) -> None:
        if isinstance(event, MemberEnded):
            self.ended.append((name, event.incarnation))

    async def says(self, name: str) -> dict[str, Any]:
        entry = await self._registry.get(member_key(name))
        assert entry is not None
        assert entry.value is not None
        found: dict[str, Any] = orjson.loads(entry.value)
        return found

    async def until(self, condition: Callable[[], object]) -> None:
        """Let time pass, a millisecond at a time."""
        for _ in range(5_000):
            if condition():
                return
            await self.clock.advance(0.001)
        pytest.fail("it never came to that")

    def probes(self) -> Counter[tuple[str, str]]:
        """Counts who probes whom from now on."""
        seen: Counter[tuple[str, str]] = Counter()
        sending = self.trouble.sending

        def counting(connection: str, subject: str) -> float | None:
            if subject.endswith(".probe"):
                seen[connection, subject.split(".")[2]] += 1
            return sending(connection, subject)

        self.trouble.sending = counting  # type: ignore[method-assign]
        return seen


def _answer(bus: MemoryBus, delivery: Delivery) -> None:
    bus.respond(delivery.reply, b"{}")


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@asynccontextmanager
async def a_ring(members: Iterable[str], watching: Iterable[str]) -> AsyncIterator[Ring]:
    clock, trouble = ManualClock(), Trouble()
    async with MemoryBroker(clock=clock, ids=SeededIds(1), faults=trouble) as broker, AsyncExitStack() as stack:
        ring = Ring(broker, clock, trouble, stack)
        await ring.join(*members)
        await ring.watch(*watching)
        yield ring


def test_the_neighbours_are_the_one_before_and_the_one_after_on_the_ring_of_names() -> None:
    assert neighbours("c", ["a", "b", "c", "d", "e"]) == {"b", "d"}
    assert neighbours("a", ["a", "b", "c", "d", "e"]) == {"b", "e"}
    assert neighbours("a", ["a", "b"]) == {"b"}
    assert neighbours("a", ["a"]) == set()
    assert neighbours("b", ["a", "c"]) == {"a", "c"}, "also while its own key is not heard of yet"


@pytest.mark.parametrize("count", [2, 3, 8, 50])
def test_everybody_is_watched_by_somebody_and_nobody_watches_more_than_two(count: int) -> None:
    names = [f"n{number:02}" for number in range(count)]
    watched: Counter[str] = Counter()
    for name in names:
        found = neighbours(name, names)
        assert len(found) <= 2
        watched.update(found)
    assert set(watched) == set(names)


async def test_the_cost_is_the_same_however_many_there_are() -> None:
    async with a_ring([f"n{number:02}" for number in range(30)], ["n07"]) as ring:
        seen = ring.probes()
        await ring.clock.advance(2.0)
        assert set(seen) == {("n07", "n06"), ("n07", "n08")}
        assert all(0.9 <= count / (2.0 / PROBE_EVERY) <= 1.1 for count in seen.values())
        assert ring.ended == []


async def test_a_member_whose_connection_is_closed_is_declared_ended_within_an_interval() -> None:
    async with a_ring(["a", "b", "c"], ["a"]) as ring:
        await ring.clock.advance(1.0)
        await ring.buses["b"].close()
        since = ring.clock.now_ms()
        await ring.clock.advance(PROBE_EVERY + BETWEEN + 0.001)
        assert ring.ended == [("a", "b")]
        said = await ring.says("b")
        assert said is not None
        assert said["left"] is True
        assert since <= said["died"] <= ring.clock.now_ms()
        assert ring.views["a"].is_proved("b")
        assert "c" in ring.views["a"].members


async def test_who_silently_gives_no_answer_is_not_declared_ended_by_probes() -> None:
    async with a_ring(["a", "b"], ["a"]) as ring:
        ring.trouble.lose_delivered("b", "natya.node.b.probe")
        await ring.clock.advance(TTL - 0.1)
        assert ring.ended == []
        assert "b" in ring.views["a"].members


async def test_one_no_responders_proves_nothing() -> None:
    """The member's connection was made anew between the two probes."""
    async with a_ring(["a", "b"], ["a"]) as ring:
        await ring.clock.advance(1.0)
        seen = ring.probes()
        bus = ring.buses["b"]
        for _ in range(4):
            bus.disconnect()
            seen.clear()
            await ring.until(lambda: seen)
            bus.reconnect()
            await ring.clock.advance(0.3)
        assert ring.clock.boottime() < TTL, "it is not silent for too long"
        assert ring.ended == []


async def test_a_member_at_another_server_is_not_probed_though_it_is_next_on_the_ring() -> None:
    async with a_ring(["a", "d"], ["a"]) as ring:
        await ring.join("b", "c", server="s2")
        await ring.clock.settle()
        seen = ring.probes()
        await ring.buses["b"].close()
        ring.detections["a"].suspect("account", 0)
        await ring.clock.advance(2.0)
        assert set(seen) == {("a", "d")}
        assert ring.ended == []


async def test_a_suspicion_from_traffic_is_looked_into_at_once_wherever_on_the_ring() -> None:
    async with a_ring(["a", "b", "c", "d", "e"], ["a"]) as ring:
        await ring.clock.advance(1.01)
        owner = orjson.dumps({"node": "c", "epoch": 1, "group": 1})
        ring.views["a"].apply(Entry("owner.account.3", owner, 1_000))
        await ring.buses["c"].close()
        await ring.clock.advance(0.3)
        assert ring.ended == [], "it is nobody's neighbour here"
        ring.detections["a"].suspect("account", 3)
        await ring.clock.advance(BETWEEN + 0.001)
        assert ring.ended == [("a", "c")]


async def test_a_suspicion_of_nobody_or_of_somebody_who_is_there_does_no_harm() -> None:
    async with a_ring(["a", "b", "c", "d", "e"], ["a"]) as ring:
        ring.detections["a"].suspect("account", 3)
        owner = orjson.dumps({"node": "c", "epoch": 1, "group": 1})
        ring.views["a"].apply(Entry("owner.account.3", owner, 1_000))
        ring.detections["a"].suspect("account", 3)
        await ring.clock.advance(1.0)
        assert ring.ended == []


async def test_proof_is_refused_when_the_key_was_renewed_meanwhile() -> None:
    """Its connection was closed indeed, but it has come back and renewed before anybody could write its end down."""
    async with a_ring(["a", "b"], ["a"]) as ring:
        await ring.clock.advance(1.0)
        late = ring.trouble.delay_sent("a", "$KV.*", 0.05, times=1)
        ring.buses["b"].disconnect()
        await ring.until(lambda: late.seen)
        ring.buses["b"].reconnect()
        await ring.renew("b")
        await ring.clock.advance(0.5)
        assert ring.ended == []
        assert "left" not in await ring.says("b")
        assert "b" in ring.views["a"].members


async def test_of_several_who_find_out_one_declares() -> None:
    async with a_ring(["a", "b", "c"], ["a", "c"]) as ring:
        await ring.clock.advance(1.0)
        await ring.buses["b"].close()
        await ring.clock.advance(0.5)
        assert len(ring.ended) == 1
        assert all(view.is_proved("b") for view in ring.views.values()), "the other was told"


async def test_nobody_is_probed_for_a_while_after_the_own_connection_was_made_anew() -> None:
    async with a_ring(["a", "b", "c"], ["a"]) as ring:
        await ring.clock.advance(1.0)
        ring.buses["a"].disconnect()
        await ring.buses["b"].close()
        await ring.clock.advance(0.3)
        seen = ring.probes()
        ring.buses["a"].reconnect()
        await ring.clock.advance(QUIET - 0.1)
        assert not seen
        assert ring.ended == []
        await ring.clock.advance(0.1 + PROBE_EVERY + 2 * BETWEEN)
        assert ring.ended == [("a", "b")]


async def test_a_connection_made_anew_between_the_two_probes_proves_nothing() -> None:
    async with a_ring(["a", "b"], ["a"]) as ring:
        await ring.clock.advance(1.0)
        seen = ring.probes()
        await ring.buses["b"].close()
        await ring.until(lambda: seen)
        ring.buses["a"].disconnect()
        ring.buses["a"].reconnect()
        await ring.clock.advance(QUIET - 0.1)
        assert ring.ended == []


async def test_when_a_neighbour_ends_the_next_one_is_looked_at_at_once() -> None:
    async with a_ring(["a", "b", "c", "d", "e", "f"], ["a"]) as ring:
        await ring.clock.advance(1.0)
        for name in ("b", "c", "d"):
            await ring.buses[name].close()
        await ring.clock.advance(PROBE_EVERY + 3 * (BETWEEN + 0.001))
        assert [ended for _, ended in ring.ended] == ["b", "c", "d"]


async def test_who_is_silent_for_the_time_to_live_is_declared_ended_though_it_answers() -> None:
    async with a_ring(["a", "b"], ["a"]) as ring:
        await ring.clock.advance(TTL)
        assert ring.ended == []
        await ring.clock.advance(2 * PROBE_EVERY)
        assert ring.ended == [("a", "b")]
        assert (await ring.says("b"))["left"] is True


async def test_the_next_on_the_ring_speaks_first_and_the_one_after_it_only_if_it_says_nothing() -> None:
    async with a_ring(["a", "b", "c"], ["b", "c"]) as ring:
        for _ in range(70):
            await ring.renew("b")
            await ring.renew("c")
            await ring.clock.advance(0.05)
        assert ring.ended == [("b", "a")]
    async with a_ring(["a", "b", "c"], ["c"]) as ring:
        while ring.clock.boottime() < TTL + 0.1:
            assert ring.ended == []
            await ring.renew("b")
            await ring.renew("c")
            await ring.clock.advance(0.05)
        await ring.clock.advance(2 * PROBE_EVERY)
        assert ring.ended == [("c", "a")]


async def test_no_silence_counts_that_began_before_the_own_connection_was_made_anew() -> None:
    async with a_ring(["a", "b"], ["a"]) as ring:
        await ring.clock.advance(2.0)
        ring.buses["a"].disconnect()
        await ring.clock.advance(5.0)
        ring.buses["a"].reconnect()
        await ring.clock.advance(TTL - 0.1)
        assert ring.ended == []
        await ring.clock.advance(0.5)
        assert ring.ended == [("a", "b")]


async def test_an_expiry_that_the_watch_did_not_tell_is_found_by_asking() -> None:
    async with a_ring(["a", "b"], ["a"]) as ring:
        view = ring.views["a"]
        await ring.renew("b", ttl=TTL)
        await ring.clock.settle()
        view._revisions[member_key("b")] += 1_000_000  # deaf to what comes now
        await ring.clock.advance(TTL + 1.0)
        assert ring.ended == [], "there was no key to write it into"
        assert "b" not in view.members
        assert view.has_ended("b", TTL)


async def test_a_member_that_is_heard_of_while_it_is_judged_stays() -> None:
    """Stopped for longer than the time to live, a node finds everybody silent. They are not: it was."""
    async with a_ring(["a", "b", "c"], ["a"]) as ring:
        ring.trouble.delay_delivered("a", "$KV.*", 5.0)
        for _ in range(8):
            await ring.renew("b")
            await ring.renew("c")
            await ring.clock.advance(0.5)
        assert ring.ended == []
        assert {"b", "c"} <= set(ring.views["a"].members)
