"""Events on a real server: what its streams and consumers do that a reader must not be fooled by."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from natya.jetstream import JetStream
from natya.jetstream.requests import api
from natya.ports.events import Event, EventReader, EventsGone, EventsUnavailable, Wanted
from support.jetstream_world import delete_consumer

STREAM = "natya_events"
ALL = Wanted()


async def emit(jetstream: JetStream, *numbers: int, key: str = "ada") -> None:
    for n in numbers:
        await jetstream.bus.store(f"natya.event.inbox.{key}.delivered", b"%d" % n, timeout=5)


def numbers(events: Sequence[Event]) -> list[int]:
    return [event.data for event in events]


async def take(reader: EventReader, count: int) -> list[int]:
    """The next ``count`` events, asking again as long as they are unavailable."""
    found: list[int] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            try:
                found += numbers(await reader.next(count - len(found)))
            except EventsUnavailable:
                await asyncio.sleep(0.01)
    return found


async def consumers(jetstream: JetStream) -> int:
    return int((await api(jetstream.connection, f"STREAM.INFO.{STREAM}"))["state"]["consumer_count"])


async def test_a_bounded_read_leaves_nothing_on_the_server(own: JetStream) -> None:
    await emit(own, *range(1, 21))
    position = 0
    while position < 20:
        portion = await own.events.read(Wanted.of(keys=["nobody"]), after=position, through=20, limit=5)
        assert portion.events == []
        assert portion.position > position
        position = portion.position
    assert position == 20
    async with asyncio.timeout(5):
        while await consumers(own):
            await asyncio.sleep(0.01)


async def test_it_is_complete_also_where_its_last_message_was_deleted(own: JetStream) -> None:
    await emit(own, *range(1, 6))
    for sequence in (5, 4):
        await api(own.connection, f"STREAM.MSG.DELETE.{STREAM}", {"seq": sequence})
    assert numbers((await own.events.read(ALL, after=0, through=5, limit=10)).events) == [1, 2, 3]
    assert (await own.events.read(ALL, after=3, through=5, limit=10)).position == 5
    await emit(own, 6)
    assert numbers((await own.events.read(ALL, after=2, through=5, limit=10)).events) == [3]


async def test_a_reader_goes_on_when_its_consumer_is_deleted(own: JetStream) -> None:
    reader = own.events.follow(ALL, after=0)
    await emit(own, 1)
    assert await take(reader, 1) == [1]
    waiting = asyncio.create_task(take(reader, 2))
    await delete_consumer(own, STREAM)
    await emit(own, 2, 3)
    assert await waiting == [2, 3]
    await reader.close()


async def test_a_reader_is_told_when_its_stream_is_made_anew(own: JetStream) -> None:
    reader = own.events.follow(ALL, after=0)
    await emit(own, 1, 2, 3)
    assert await take(reader, 3) == [1, 2, 3]
    waiting = asyncio.create_task(take(reader, 1))
    await asyncio.sleep(0)
    await api(own.connection, f"STREAM.DELETE.{STREAM}")
    await own.ensure_platform()
    await emit(own, 4)
    with pytest.raises(EventsGone, match="made anew"):
        await waiting
    assert await take(reader, 1) == [4]
    await reader.close()


@pytest.mark.parametrize("wanted", [ALL, Wanted.of(["inbox"], ["ada"])])
async def test_what_limits_of_the_stream_have_taken_from_a_slow_reader_is_told(own: JetStream, wanted: Wanted) -> None:
    reader = own.events.follow(wanted, after=0)
    await emit(own, 1)
    assert await take(reader, 1) == [1]
    config = (await api(own.connection, f"STREAM.INFO.{STREAM}"))["config"]
    await api(own.connection, f"STREAM.UPDATE.{STREAM}", config | {"max_msgs": 100})
    own.connection.publish("natya.event.inbox.bob.delivered", b"0")
    for n in range(2_000):
        own.connection.publish("natya.event.inbox.ada.delivered", b"%d" % n)
    await emit(own, 2_000)
    with pytest.raises(EventsGone):
        await take(reader, 2_000)
    assert (await take(reader, 100))[-1] == 2_000
    await reader.close()


async def test_the_stream_keeps_a_week_and_leaves_what_an_operator_has_chosen(own: JetStream) -> None:
    week = 7 * 86_400 * 1_000_000_000
    config = (await api(own.connection, f"STREAM.INFO.{STREAM}"))["config"]
    assert (config["max_age"], config["discard"], config["max_bytes"], config["max_msgs"]) == (week, "old", -1, -1)
    await api(own.connection, f"STREAM.UPDATE.{STREAM}", config | {"max_age": week // 7, "max_bytes": 1 << 30})
    await own.ensure_platform()
    again = (await api(own.connection, f"STREAM.INFO.{STREAM}"))["config"]
    assert (again["max_age"], again["max_bytes"]) == (week // 7, 1 << 30)
