"""Following events from Python."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count

import pytest

from natya import Invalid
from natya.ports.events import Event, EventsGone
from natya.testing import TestPlatform
from natya_actors import Inbox, Transfer


@pytest.fixture
async def platform() -> AsyncIterator[TestPlatform]:
    async with TestPlatform(Inbox, Transfer) as platform:
        yield platform


async def deliver(platform: TestPlatform, key: str, *texts: str) -> None:
    for text in texts:
        await platform.actor(Inbox, key).deliver(text=text)
    await platform.settle()


async def take(events: AsyncIterator[Event], number: int) -> list[str]:
    async with asyncio.timeout(10):
        return [(await anext(events)).data["text"] for _ in range(number)]


async def test_it_gets_what_is_kept_and_then_what_comes(platform: TestPlatform) -> None:
    await deliver(platform, "ada", "one", "two")
    events = platform.follow(Inbox, from_start=True)
    assert await take(events, 2) == ["one", "two"]
    await deliver(platform, "bob", "three")
    event = await anext(events)
    assert (event.sequence, event.kind, event.key, event.name, event.data["number"]) == (3, "inbox", "bob", "delivered", 1)
    assert event.id.startswith("inbox.")
    await events.aclose()


async def test_it_begins_now_or_behind_a_sequence(platform: TestPlatform) -> None:
    await deliver(platform, "ada", "one", "two")
    now = platform.follow("inbox")
    first = asyncio.create_task(take(now, 1))
    for _ in range(20):
        await asyncio.sleep(0)
    await deliver(platform, "ada", "three")
    assert await first == ["three"]
    behind = platform.follow("inbox", after=1)
    assert await take(behind, 2) == ["two", "three"]
    for each in (now, behind):
        await each.aclose()


async def test_filters_are_exact(platform: TestPlatform) -> None:
    await deliver(platform, "ada", "1")
    await deliver(platform, "bob", "2")
    await deliver(platform, "ada", "3")
    events = platform.follow(Inbox, "ada", "delivered", from_start=True)
    assert await take(events, 2) == ["1", "3"]
    await events.aclose()
    with pytest.raises(Invalid):
        await anext(platform.follow("No kind"))


async def test_it_waits_while_nats_is_away_and_misses_nothing(platform: TestPlatform) -> None:
    events = platform.follow(Inbox, from_start=True)
    await deliver(platform, "ada", "before")
    assert await take(events, 1) == ["before"]
    waiting = asyncio.create_task(take(events, 2))
    await asyncio.sleep(0)
    platform.bus.disconnect()
    stream = platform.cluster.broker.stream("natya_events")
    assert stream is not None
    for text in (b"meanwhile", b"and more"):
        stream.append("natya.event.inbox.ada.delivered", b'{"text":"%s"}' % text, {})
    platform.bus.reconnect()
    for _ in count():
        if waiting.done():
            break
        await platform.clock.advance(0.1)
    assert await waiting == ["meanwhile", "and more"]
    await events.aclose()


async def test_what_is_not_kept_any_more_is_told(platform: TestPlatform) -> None:
    await deliver(platform, "ada", "1", "2", "3")
    stream = platform.cluster.broker.stream("natya_events")
    assert stream is not None
    stream.purge(">", before=3)
    with pytest.raises(EventsGone) as gone:
        await anext(platform.follow(Inbox, after=0))
    assert gone.value.first == 3
    events = platform.follow(Inbox, after=gone.value.first - 1)
    assert await take(events, 1) == ["3"]
    await events.aclose()
