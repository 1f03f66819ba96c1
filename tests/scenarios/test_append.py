"""What can go wrong with the append, which is the one thing that makes a turn true (scenarios 1 to 8)."""

from __future__ import annotations

import orjson
import pytest

from natya.errors import Internal, Moved, TooLarge
from natya.memory import MemoryBus, MemoryJournal
from natya.message import Answer, Message
from natya.ports.journal import Record
from natya.runtime.batch import Header, decode, encode
from natya.runtime.partition import Partition
from natya.settings import Settings
from natya.telemetry.events import AppendRetried, Event, Fenced
from natya.testing import TestPlatform
from support.ledger import Ledger, Stage
from support.protocol import attempt, started
from support.trouble import Rule, StoppableClock, Trouble

JOURNAL = "natya.journal.ledger.0"


def records(platform: TestPlatform) -> list[Record]:
    stream = platform.cluster.broker.stream("natya_journal_ledger_0")
    assert stream is not None
    return [Record(stored.sequence, stored.data, stored.time) for stored in stream.read(JOURNAL)]


def lines_of(platform: TestPlatform, id: str) -> list[int]:
    """The records that hold the outcome of this message."""
    return [record.sequence for record in records(platform) if any(t["id"] == id for t in decode(record.data).turns)]


def partition(platform: TestPlatform) -> Partition:
    (found,) = platform.cluster.nodes[0].partitions
    return found


async def test_an_append_that_is_lost_on_the_way_is_sent_again(stage: Stage, trouble: Trouble) -> None:
    seen: list[Event] = []
    async with TestPlatform(Ledger, faults=trouble, hooks=[seen.append]) as platform:
        trouble.lose_sent("node1", JOURNAL, 1)
        call = await started(platform, platform.actor(Ledger, "a", id="m1").write(line="x"))
        assert not call.done(), "no answer before the append is certain"
        await platform.clock.advance(2.5)
        assert await call == 1
        assert len(lines_of(platform, "m1")) == 1
        assert [event for event in seen if isinstance(event, AppendRetried)]


async def test_an_append_whose_acknowledgement_is_lost_is_recognised_as_done(stage: Stage, trouble: Trouble) -> None:
    async with TestPlatform(Ledger, faults=trouble) as platform:
        trouble.lose_delivered("node1", JOURNAL, 1)
        call = await started(platform, platform.actor(Ledger, "a", id="m1").write(line="x"))
        assert not call.done()
        await platform.clock.advance(2.5)
        assert await call == 1
        assert len(lines_of(platform, "m1")) == 1
        assert partition(platform).epoch == 1, "one's own record is no fence"
        assert await platform.actor(Ledger, "a").write(line="y") == 2


async def test_an_append_that_arrives_after_its_time_out_is_stored_once(stage: Stage, trouble: Trouble) -> None:
    """The repeat queues up behind it, as with a server process that was stopped and goes on: *timed out* was not *undone*."""
    settings = Settings.model_construct(append_timeout=0.5)
    async with TestPlatform(Ledger, faults=trouble, settings=settings) as platform:
        trouble.delay_sent("node1", JOURNAL, 1.0, 1)
        call = await started(platform, platform.actor(Ledger, "a", id="m1").write(line="x"))
        await platform.clock.advance(0.9)
        assert not call.done()
        assert lines_of(platform, "m1") == []
        await platform.clock.advance(1)
        assert await call == 1
        assert len(lines_of(platform, "m1")) == 1
        assert partition(platform).epoch == 1, "one's own record is no fence"


async def test_a_read_that_shows_the_predecessor_proves_nothing(
    stage: Stage, trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The append was stored, its acknowledgement lost, and *last by subject* still shows the record before it."""
    async with TestPlatform(Ledger, faults=trouble) as platform:
        await platform.actor(Ledger, "a").write(line="x")
        before = records(platform)[-1]
        reads = 0
        true_last = MemoryJournal.last

        async def stale_last(journal: MemoryJournal, kind: str, number: int) -> Record | None:
            nonlocal reads
            reads += 1
            return before if reads <= 3 else await true_last(journal, kind, number)

        monkeypatch.setattr(MemoryJournal, "last", stale_last)
        trouble.lose_delivered("node1", JOURNAL, 1)
        call = await started(platform, platform.actor(Ledger, "a", id="m2").write(line="y"))
        await platform.clock.advance(4)
        assert await call == 2
        assert reads == 4
        assert len(lines_of(platform, "m2")) == 1


async def test_two_candidates_the_one_that_stalled_before_its_fence_stops(stage: Stage, trouble: Trouble) -> None:
    """B wins the owner key and is stopped before its fence; C wins the key, fences and serves; B goes on, and fences with a
    fresh read before it hears that its lease is over. It must see the higher epoch and stop."""
    async with TestPlatform(Ledger, faults=trouble) as platform:
        await platform.actor(Ledger, "a").write(line="x")
        await platform.cluster.crash(platform.cluster.nodes[0])
        lost = trouble.lose_sent("b", JOURNAL, 1)
        clock = StoppableClock(platform.clock)
        b = platform.cluster.start_node("b", clock=clock)
        await platform.cluster.until(lambda: lost.seen)
        trouble.stop("b", clock, 12)
        trouble.sent.insert(0, Rule("b", "$KV.natya_cluster.member.*", None))
        c = platform.cluster.start_node("c")
        await platform.cluster.until(lambda: c.partitions)
        assert await platform.actor(Ledger, "a").write(line="y") == 2
        tries = Rule("b", JOURNAL, 0.0)
        trouble.sent.insert(0, tries)
        await platform.cluster.until(lambda: tries.seen)
        await platform.clock.advance(3)
        assert await platform.actor(Ledger, "a").write(line="z") == 3
        trouble.clear()
        await platform.clock.advance(10)
        assert await platform.actor(Ledger, "a").read() == ["x", "y", "z"]
        epochs = [decode(record.data).header.epoch for record in records(platform)]
        assert epochs == sorted(epochs), "epochs in the journal never fall"
        assert len(b.partitions) + len(c.partitions) == 1


async def test_the_last_record_of_a_journal_is_never_trimmed(stage: Stage) -> None:
    """Of an emptied subject the server says sequence 0, and a replaced owner that expects 0 would be let in."""
    async with TestPlatform(Ledger) as platform:
        await platform.actor(Ledger, "a").write(line="x")
        journal = platform.cluster.nodes[0].world.journal
        last = records(platform)[-1].sequence
        await journal.trim("ledger", 0, before=last + 100)
        assert [record.sequence for record in records(platform)] == [last]


async def test_one_state_over_the_limit_fails_alone_in_its_batch(stage: Stage, trouble: Trouble) -> None:
    async with TestPlatform(Ledger, faults=trouble, max_payload=256 * 1024) as platform:
        trouble.delay_sent("node1", JOURNAL, 0.5, 1)
        opening = await started(platform, platform.actor(Ledger, "opening").write(line="x"))
        good = [await started(platform, platform.actor(Ledger, f"good{i}").fill(size=8_000)) for i in range(20)]
        bad = await started(platform, platform.actor(Ledger, "bad").fill(size=250_000))
        more = [await started(platform, platform.actor(Ledger, f"more{i}").fill(size=8_000)) for i in range(20)]
        await platform.clock.advance(1)
        await opening
        assert [await call for call in (*good, *more)] == [8_000] * 40
        with pytest.raises(TooLarge) as caught:
            await bad
        assert caught.value.extra["limit"] < 256 * 1024
        assert await platform.actor(Ledger, "bad").read() == []


async def test_a_stream_that_takes_less_than_the_server_said_loses_nobody_else(stage: Stage, trouble: Trouble) -> None:
    async with TestPlatform(Ledger, faults=trouble, max_payload=256 * 1024) as platform:
        trouble.delay_sent("node1", JOURNAL, 0.5, 1)
        opening = await started(platform, platform.actor(Ledger, "opening").write(line="x"))
        calls = [await started(platform, platform.actor(Ledger, f"k{i}").fill(size=20_000)) for i in range(8)]
        platform.cluster.broker.max_payload = 120 * 1024
        await platform.clock.advance(1)
        await opening
        assert [await call for call in calls] == [20_000] * 8


async def test_a_record_too_large_for_the_stream_fails_its_own_turn_and_the_partition_goes_on(
    stage: Stage, trouble: Trouble
) -> None:
    async with TestPlatform(Ledger, faults=trouble, max_payload=512 * 1024) as platform:
        await platform.actor(Ledger, "a").write(line="x")
        platform.cluster.broker.max_payload = 200 * 1024
        call = await started(platform, platform.actor(Ledger, "a").fill(size=300_000))
        await platform.clock.advance(3)
        with pytest.raises(TooLarge):
            await call
        assert await platform.actor(Ledger, "a").read() == ["x"]
        assert await platform.actor(Ledger, "a").write(line="y") == 2


async def test_two_turns_of_one_batch_are_both_gone_when_it_is_fenced(stage: Stage, trouble: Trouble) -> None:
    """Also the Reject that was computed on the first: a *no* on a state that never came to be is as wrong as a yes."""
    seen: list[Event] = []
    async with TestPlatform(Ledger, faults=trouble, hooks=[seen.append]) as platform:
        await platform.actor(Ledger, "a").write(line="x")
        gone = partition(platform)
        heard: list[Answer] = []
        trouble.lose_sent("node1", JOURNAL, 1)
        for id, line in (("m0", "opening"), ("m1", "y"), ("m2", "z")):
            body = orjson.dumps({"line": line, "present": "y"})
            now = platform.clock.now_ms()
            message = Message("ledger", "a", 0, "write_unless", body, id=id, sent=now, deadline=now + 30_000)
            gone.accept(message, heard.append)
        await platform.clock.settle()
        assert heard == []
        await fence(platform)
        await platform.clock.advance(5)
        assert [event for event in seen if isinstance(event, Fenced)]
        assert [answer.slug for answer in heard] == [Moved.slug] * 3
        assert await platform.actor(Ledger, "a").read() == ["x"]
        for id, line in (("m2", "z"), ("m1", "y")):
            again = await attempt(platform, "ledger", "a", "write_unless", id=id, line=line, present="y", sent=now, number=2)
            assert not again.code, "under its id it is as if it had never been sent"


async def test_a_failure_seen_on_an_uncommitted_state_is_told_after_its_commit(stage: Stage, trouble: Trouble) -> None:
    async with TestPlatform(Ledger, faults=trouble) as platform:
        trouble.delay_sent("node1", JOURNAL, 0.5, 1)
        stage.broken["bad"] = 1
        good = await started(platform, platform.actor(Ledger, "a").write(line="x"))
        bad = await started(platform, platform.actor(Ledger, "a").write(line="bad"))
        assert stage.runs["bad"] == 1
        assert not bad.done()
        await platform.clock.advance(1)
        assert await good == 1
        with pytest.raises(Internal):
            await bad


async def fence(platform: TestPlatform) -> None:
    """Fence the journal as a new owner would."""
    bus = MemoryBus(platform.cluster.broker, "rival")
    last = records(platform)[-1]
    header = decode(last.data).header
    rival = Header(header.epoch + 1, "rival", "b1", fence=True, since=header.sent, sent=header.sent)
    await MemoryJournal(bus).append("ledger", 0, encode(rival), expected=last.sequence)
