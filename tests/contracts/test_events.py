"""What every stream of events does: the sentences of `natya.ports.events`, each adapter alike."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from natya.errors import Invalid
from natya.names import encode_key
from natya.ports.events import MAX_PATTERNS, Event, EventReader, EventsGone, EventsUnavailable, Extent, Wanted
from support.world import World

ALL = Wanted()


async def emit(world: World, *bodies: str, kind: str = "inbox", key: str = "ada", name: str = "delivered") -> list[int]:
    """Publish events, one after the other; their sequences."""
    subject = world.subjects.event(kind, encode_key(key), name)
    return [await world.home.store(subject, body.encode(), {"Nats-Msg-Id": f"id-{body}"}, timeout=5) for body in bodies]


async def take(reader: EventReader, count: int) -> list[Event]:
    events: list[Event] = []
    async with asyncio.timeout(10):
        while len(events) < count:
            events += await reader.next(count - len(events))
    return events


def bodies(events: Sequence[Event]) -> list[str]:
    return [event.body.decode() for event in events]


class TestWanted:
    def test_no_two_of_its_patterns_have_an_event_in_common(self) -> None:
        wanted = Wanted.of(["a", "b", "a"], ["x.y"], [])
        assert wanted.patterns() == [("a", "x%2Ey", "*"), ("b", "x%2Ey", "*")]

    @pytest.mark.parametrize(
        ("given", "field"),
        [((["A"], [], []), "kind"), (([], [""], []), "key"), (([], ["x" * 201], []), "key"), (([], [], ["a-b"]), "event")],
    )
    def test_what_cannot_be_is_named(self, given: tuple[list[str], list[str], list[str]], field: str) -> None:
        with pytest.raises(Invalid) as caught:
            Wanted.of(*given)
        assert caught.value.extra["errors"][0]["field"] == field

    def test_combinations_are_bounded(self) -> None:
        Wanted.of([f"k{n}" for n in range(8)], [str(n) for n in range(MAX_PATTERNS // 8)])
        with pytest.raises(Invalid, match="81 combinations"):
            Wanted.of([f"k{n}" for n in range(9)], [str(n) for n in range(9)])


class TestExtent:
    async def test_it_says_what_is_there(self, world: World) -> None:
        assert await world.events.extent() == Extent(1, 0)
        await emit(world, "1", "2", "3")
        assert await world.events.extent() == Extent(1, 3)
        await world.trim_events(before=3)
        assert await world.events.extent() == Extent(3, 3)
        await world.trim_events(before=4)
        assert await world.events.extent() == Extent(4, 3)


class TestBoundedReading:
    async def test_an_event_is_as_it_was_published(self, world: World) -> None:
        await emit(world, '{"n":1}', key="a.b/é")
        [event] = (await world.events.read(ALL, after=0, through=1, limit=10)).events
        assert (event.sequence, event.kind, event.key, event.name, event.id) == (
            1,
            "inbox",
            "a.b/é",
            "delivered",
            'id-{"n":1}',
        )
        assert event.data == {"n": 1}
        assert abs(event.time - world.clock.now_ms()) < 60_000

    async def test_portions_follow_one_another_without_a_gap(self, world: World) -> None:
        await emit(world, *(str(n) for n in range(25)))
        seen: list[str] = []
        position, positions = 0, []
        while position < 23:
            portion = await world.events.read(ALL, after=position, through=23, limit=10)
            seen += bodies(portion.events)
            position = portion.position
            positions.append(position)
        assert seen == [str(n) for n in range(23)]
        assert positions == [10, 20, 23]

    async def test_only_what_is_wanted_comes_and_the_position_passes_the_rest(self, world: World) -> None:
        await emit(world, "a", key="ada")
        await emit(world, "b", key="bob")
        await emit(world, "c", key="ada", name="read")
        await emit(world, "d", kind="transfer", name="ended")
        await emit(world, "e", key="ada")
        await emit(world, "f", key="bob")
        for wanted, expected in (
            (ALL, "abcdef"),
            (Wanted.of(["inbox"]), "abcef"),
            (Wanted.of(["inbox"], ["ada"]), "ace"),
            (Wanted.of(keys=["bob"]), "bf"),
            (Wanted.of(["inbox", "transfer"], names=["delivered", "ended"]), "abdef"),
            (Wanted.of(["nothing"]), ""),
        ):
            portion = await world.events.read(wanted, after=0, through=6, limit=10)
            assert ("".join(bodies(portion.events)), portion.position) == (expected, 6)

    async def test_nothing_behind_through_comes(self, world: World) -> None:
        await emit(world, "1", "2", "3", "4")
        assert bodies((await world.events.read(ALL, after=1, through=3, limit=10)).events) == ["2", "3"]
        assert await world.events.read(Wanted.of(["nothing"]), after=1, through=3, limit=10) == (
            await world.events.read(Wanted.of(["nothing"]), after=2, through=3, limit=10)
        )
        assert (await world.events.read(ALL, after=4, through=4, limit=10)).events == ()

    async def test_what_no_actor_can_emit_is_passed(self, world: World) -> None:
        await world.home.store(f"{world.subjects.namespace}.event.inbox.%61da.delivered", b"{}", timeout=5)
        await emit(world, "2")
        portion = await world.events.read(ALL, after=0, through=2, limit=10)
        assert (bodies(portion.events), portion.position) == (["2"], 2)

    @pytest.mark.parametrize("wanted", [ALL, Wanted.of(["nothing"])])
    async def test_what_was_trimmed_is_told(self, world: World, wanted: Wanted) -> None:
        await emit(world, *(str(n) for n in range(1, 8)))
        await world.trim_events(before=4)
        with pytest.raises(EventsGone, match="events from 2 on were trimmed") as caught:
            await world.events.read(wanted, after=1, through=7, limit=2)
        assert (caught.value.after, caught.value.first) == (1, 4)
        assert (await world.events.read(wanted, after=3, through=7, limit=10)).position == 7

    async def test_it_is_told_too_when_nothing_is_left(self, world: World) -> None:
        await emit(world, "1", "2", "3")
        await world.trim_events(before=4)
        with pytest.raises(EventsGone) as caught:
            await world.events.read(ALL, after=0, through=3, limit=10)
        assert caught.value.first == 4

    async def test_without_a_connection_it_is_unavailable(self, world: World) -> None:
        await emit(world, "1")
        await world.cut(world.home)
        for reading in (world.events.extent(), world.events.read(ALL, after=0, through=1, limit=10)):
            with pytest.raises(EventsUnavailable):
                await reading
        await world.restore(world.home)
        assert bodies((await world.events.read(ALL, after=0, through=1, limit=10)).events) == ["1"]


class TestFollowing:
    async def test_it_waits_for_events_and_goes_on(self, world: World) -> None:
        await emit(world, "old")
        reader = world.events.follow(ALL, after=1)
        for body in ("first", "second", "third"):
            waiting = asyncio.create_task(reader.next(10))
            await asyncio.sleep(0)
            assert not waiting.done()
            await emit(world, body)
            assert bodies(await asyncio.wait_for(waiting, 5)) == [body]
        await reader.close()
        await reader.close()

    async def test_it_gets_what_is_wanted_in_order(self, world: World) -> None:
        for n in range(30):
            await emit(world, str(n), key=f"k{n % 3}", name="even" if n % 2 == 0 else "odd")
        reader = world.events.follow(Wanted.of(["inbox"], ["k0", "k1"], ["even"]), after=3)
        expected = [str(n) for n in range(3, 30) if n % 3 in (0, 1) and n % 2 == 0]
        assert bodies(await take(reader, len(expected))) == expected
        await reader.close()

    async def test_one_call_returns_at_most_the_limit(self, world: World) -> None:
        await emit(world, *(str(n) for n in range(10)))
        reader = world.events.follow(ALL, after=0)
        seen: list[str] = []
        while len(seen) < 10:
            events = await reader.next(3)
            assert 1 <= len(events) <= 3
            seen += bodies(events)
        assert seen == [str(n) for n in range(10)]
        await reader.close()

    async def test_a_call_that_was_cancelled_loses_nothing(self, world: World) -> None:
        reader = world.events.follow(ALL, after=0)
        waiting = asyncio.create_task(reader.next(10))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await emit(world, "a", "b")
        assert bodies(await take(reader, 2)) == ["a", "b"]
        await reader.close()

    async def test_a_lost_connection_interrupts_and_it_goes_on_behind_the_last_event(self, world: World) -> None:
        other = await world.bus()
        reader = world.events.follow(ALL, after=0)
        await emit(world, "1", "2")
        assert bodies(await take(reader, 2)) == ["1", "2"]
        waiting = asyncio.create_task(reader.next(10))
        await asyncio.sleep(0)
        await world.cut(world.home)
        with pytest.raises(EventsUnavailable):
            await asyncio.wait_for(waiting, 5)
        with pytest.raises(EventsUnavailable):
            await reader.next(10)
        subject = world.subjects.event("inbox", "ada", "delivered")
        for body in (b"3", b"4"):
            await other.store(subject, body, timeout=5)
        await world.restore(world.home)
        await emit(world, "5")
        assert bodies(await take(reader, 3)) == ["3", "4", "5"]
        await reader.close()

    @pytest.mark.parametrize("wanted", [ALL, Wanted.of(["inbox"], ["ada"])])
    async def test_what_was_trimmed_is_told_once_and_it_goes_on_with_what_is_left(
        self, world: World, wanted: Wanted
    ) -> None:
        await emit(world, "x", key="bob")
        await emit(world, *(str(n) for n in range(2, 8)))
        await world.trim_events(before=4)
        reader = world.events.follow(wanted, after=1)
        with pytest.raises(EventsGone) as caught:
            await reader.next(10)
        assert (caught.value.after, caught.value.first) == (1, 4)
        assert bodies(await take(reader, 4)) == ["4", "5", "6", "7"]
        await reader.close()

    async def test_a_position_that_the_stream_never_reached_is_told(self, world: World) -> None:
        await emit(world, "1", "2")
        reader = world.events.follow(ALL, after=99)
        with pytest.raises(EventsGone, match="made anew and ends at 2"):
            await reader.next(10)
        assert bodies(await take(reader, 2)) == ["1", "2"]
        await reader.close()

    async def test_what_is_not_wanted_in_between_is_not_taken_for_trimmed(self, world: World) -> None:
        await emit(world, "1")
        await world.home.store(f"{world.subjects.namespace}.event.inbox.%61da.delivered", b"{}", timeout=5)
        await emit(world, "3")
        reader = world.events.follow(Wanted.of(["inbox"], ["ada"]), after=0)
        assert bodies(await take(reader, 2)) == ["1", "3"]
        await reader.close()
