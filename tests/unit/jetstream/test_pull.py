"""A pass over a stream: every way in which it can go wrong is told."""

from __future__ import annotations

import asyncio

import pytest

from natya.jetstream import JetStream, pull
from natya.jetstream.parser import Arrival
from natya.jetstream.pull import Broken, Pull, open_pull
from natya.jetstream.requests import api
from support.jetstream_world import JetStreamWorld, delete_consumer
from support.world import eventually

STREAM, SUBJECT = "natya_mail_account", "natya.mail.account.0.*.*"


@pytest.fixture
async def jetstream(own: JetStream) -> JetStream:
    await own.ensure_kind("account", 1)
    for n in range(20):
        await own.bus.store("natya.tell.account.a.m", b"%d" % n, timeout=5)
    return own


async def take(passing: Pull, count: int) -> list[int]:
    taken: list[int] = []
    while len(taken) < count:
        taken += [item.sequence for item in await passing.next(count - len(taken), patience=5)]
    return taken


async def test_it_goes_through_the_stream_and_asks_again_for_each_portion(jetstream: JetStream) -> None:
    passing, there = await open_pull(jetstream.connection, STREAM, SUBJECT, start=3, portion=4)
    assert there == 18
    assert await take(passing, 18) == list(range(3, 21))
    passing.close()


async def test_a_portion_is_bounded_in_bytes_too(jetstream: JetStream) -> None:
    big = b"x" * 1_000_000
    for _ in range(12):
        await jetstream.bus.store("natya.tell.account.a.m", big, timeout=5)
    passing, _ = await open_pull(jetstream.connection, STREAM, SUBJECT, start=21)
    await eventually(lambda: len(passing._items) >= 3)
    assert await take(passing, 12) == list(range(21, 33))
    passing.close()


async def test_a_gap_breaks_it(jetstream: JetStream) -> None:
    passing, _ = await open_pull(jetstream.connection, STREAM, SUBJECT, start=1)
    assert len(await take(passing, 20)) == 20
    passing._arrived(Arrival("natya.mail.account.0.a.m", "$JS.ACK.s.c.1.30.22.1700000000000000000.0", b"", None))
    with pytest.raises(Broken, match="message 22 came after 20"):
        await passing.next(1)


async def test_both_forms_of_a_consumers_reply_subject_are_read(jetstream: JetStream) -> None:
    for prefix in ("$JS.ACK.s.c", "$JS.ACK._.hash.s.c"):
        passing = Pull(jetstream.connection, STREAM, SUBJECT)
        passing._arrived(Arrival("a", f"{prefix}.1.30.1.1700000000000000000.7", b"", None))
        (item,) = await passing.next(1)
        assert (item.sequence, item.time, item.behind) == (30, 1_700_000_000_000, 7)


async def test_a_consumer_that_is_deleted_breaks_it_at_once(jetstream: JetStream) -> None:
    passing, _ = await open_pull(jetstream.connection, STREAM, SUBJECT, start=21)
    waiting = asyncio.create_task(passing.next(1))
    await delete_consumer(jetstream, STREAM)
    with pytest.raises(Broken):
        async with asyncio.timeout(5):
            await waiting


async def test_missing_heartbeats_break_it(world: JetStreamWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull, "HEARTBEAT", 0.1)
    await world.make_kind("account", 1)
    subjects = world.subjects
    passing, _ = await open_pull(
        world.jetstream.connection, subjects.mail_stream("account"), subjects.mail("account", 0), start=1
    )
    waiting = asyncio.create_task(passing.next(1))
    await asyncio.wait({waiting}, timeout=0.6)
    assert not waiting.done()  # heartbeats keep it alive
    relay = world.relay(world.home)
    relay.freeze()
    with pytest.raises(Broken, match="no heartbeat"):
        async with asyncio.timeout(5):
            await waiting
    relay.thaw()


async def test_closing_removes_the_consumer_and_ends_waiting(jetstream: JetStream) -> None:
    passing, _ = await open_pull(jetstream.connection, STREAM, SUBJECT, start=21)
    waiting = asyncio.create_task(passing.next(1))
    await asyncio.sleep(0)
    passing.close()
    passing.close()
    with pytest.raises(Broken):
        await waiting

    async def consumers() -> int:
        return int((await api(jetstream.connection, f"STREAM.INFO.{STREAM}"))["state"]["consumer_count"])

    async with asyncio.timeout(5):
        while await consumers():
            await asyncio.sleep(0.01)


async def test_a_stream_that_is_not_there_cannot_be_read(jetstream: JetStream) -> None:
    with pytest.raises(Broken, match="stream not found"):
        await open_pull(jetstream.connection, "nowhere", "a", start=1)


async def test_nothing_for_long_breaks_it_where_something_must_come(jetstream: JetStream) -> None:
    passing, _ = await open_pull(jetstream.connection, STREAM, SUBJECT, start=21)
    with pytest.raises(Broken, match=r"nothing came for 0\.05 s"):
        await passing.next(1, patience=0.05)
    passing.close()
