"""What can go wrong with ids: late, early, repeated, reused and forgotten ones (scenarios 9 to 17)."""

from __future__ import annotations

import pytest

from natya.errors import Reject
from natya.settings import Settings
from natya.testing import TestPlatform
from natya_actors.account import Account
from support.ledger import Ledger, Other, Stage
from support.protocol import attempt, result, started
from support.trouble import Trouble

JOURNAL = "natya.journal.ledger.0"


async def checkpointed(platform: TestPlatform) -> None:
    """Let everything be written and the checkpoint pass it."""
    await platform.clock.advance(5)
    for node in platform.cluster.nodes:
        for partition in node.partitions:
            assert partition.unwritten.oldest is None


async def test_attempt_one_arrives_after_attempt_two_has_committed(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        sent = platform.clock.now_ms()
        await platform.clock.advance(1)
        second = await attempt(platform, "ledger", "a", "write", id="m1", sent=sent, number=2, line="x")
        first = await attempt(platform, "ledger", "a", "write", id="m1", sent=sent, number=1, line="x")
        assert (result(second), result(first)) == (1, 1)
        assert stage.runs["x"] == 1


async def test_attempt_two_arrives_while_attempt_one_is_queued(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        sent = platform.clock.now_ms()
        before = await started(platform, platform.actor(Ledger, "a").write_slowly(line="before"))
        calls = [
            await started(platform, attempt(platform, "ledger", "a", "write", id="m1", sent=sent, number=n, line="x"))
            for n in (1, 2)
        ]
        assert not any(call.done() for call in calls)
        stage.gates["before"].set()
        assert [result(await call) for call in calls] == [2, 2]
        assert await before == 1
        assert stage.runs["x"] == 1


async def test_attempt_two_arrives_while_attempt_one_runs(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        sent = platform.clock.now_ms()
        calls = [
            await started(platform, attempt(platform, "ledger", "a", "write_slowly", id="m1", sent=sent, number=n, line="x"))
            for n in (1, 2)
        ]
        stage.gates["x"].set()
        assert [result(await call) for call in calls] == [1, 1]
        assert stage.runs["x"] == 1


async def test_attempt_two_arrives_while_the_append_is_unacknowledged(stage: Stage, trouble: Trouble) -> None:
    async with TestPlatform(Ledger, faults=trouble) as platform:
        sent = platform.clock.now_ms()
        trouble.delay_sent("node1", JOURNAL, 1.0, 1)
        calls = [
            await started(platform, attempt(platform, "ledger", "a", "write", id="m1", sent=sent, number=n, line="x"))
            for n in (1, 2)
        ]
        assert not any(call.done() for call in calls)
        await platform.clock.advance(1.5)
        assert [result(await call) for call in calls] == [1, 1]
        assert stage.runs["x"] == 1


async def test_a_repeat_is_answered_from_memory_only_after_an_append_has_proved_who_owns(
    stage: Stage, trouble: Trouble
) -> None:
    async with TestPlatform(Ledger, faults=trouble) as platform:
        sent = platform.clock.now_ms()
        await attempt(platform, "ledger", "a", "write", id="m1", sent=sent, line="x")
        trouble.delay_sent("node1", JOURNAL, 0.5, 1)
        again = await started(platform, attempt(platform, "ledger", "a", "write", id="m1", sent=sent, number=2, line="x"))
        assert not again.done()
        await platform.clock.advance(1)
        assert result(await again) == 1


async def test_a_rejected_withdraw_stays_rejected_although_it_could_succeed_now() -> None:
    async with TestPlatform(Account) as platform:
        sent = platform.clock.now_ms()
        first = await attempt(platform, "account", "a", "withdraw", id="w1", sent=sent, amount=5, partitions=16)
        assert result(first) == "insufficient_funds"
        await platform.actor(Account, "a").deposit(amount=100)
        again = await attempt(platform, "account", "a", "withdraw", id="w1", sent=sent, number=2, amount=5, partitions=16)
        assert again == first
        await platform.crash()
        later = await attempt(platform, "account", "a", "withdraw", id="w1", sent=sent, number=3, amount=5, partitions=16)
        assert result(later) == "insufficient_funds"
        assert (await platform.actor(Account, "a").balance()).balance == 100


async def test_fail_over_just_after_a_checkpoint_knows_the_ids_before_it(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        sent = platform.clock.now_ms()
        await attempt(platform, "ledger", "a", "write", id="m1", sent=sent, line="x")
        await checkpointed(platform)
        await platform.crash()
        again = await attempt(platform, "ledger", "a", "write", id="m1", sent=sent, number=2, line="x")
        assert result(again) == 1
        never_seen = await attempt(platform, "ledger", "a", "write", id="m0", sent=sent - 5_000, number=2, line="y")
        assert result(never_seen) == 2, "the journal reaches back to its beginning, so an old id that is not there is new"
        assert stage.runs["x"] == 1


async def test_more_ids_than_fit_shrink_the_coverage_and_an_older_one_is_outcome_unknown(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("natya.runtime.index.SEGMENT_ENTRIES", 16)
    settings = Settings.model_construct(index_bytes=130 * 64)
    async with TestPlatform(Ledger, settings=settings) as platform:
        (node,) = platform.cluster.nodes
        (partition,) = node.partitions
        first = platform.clock.now_ms()
        for n in range(200):
            await platform.clock.advance(0.001)
            await attempt(platform, "ledger", "a", "write", id=f"m{n}", line=f"{n}")
        before = partition.index.coverage
        await checkpointed(platform)
        await platform.clock.advance(3)
        assert len(partition.index) <= 64 + 16
        assert partition.index.coverage > before
        old = await attempt(platform, "ledger", "a", "write", id="m0", sent=first + 1, number=2, line="0")
        assert result(old) == "outcome_unknown"
        young = await attempt(platform, "ledger", "a", "write", id="m199", sent=first + 200, number=2, line="199")
        assert result(young) == 200
        assert stage.runs["0"] == stage.runs["199"] == 1


async def test_an_id_from_a_clock_twenty_minutes_ahead_is_refused(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        ahead = platform.clock.now_ms() + 20 * 60_000
        answer = await attempt(platform, "ledger", "a", "write", id="m1", sent=ahead, line="x")
        assert result(answer) == "invalid"
        assert b"clock" in answer.body
        assert stage.runs["x"] == 0


async def test_an_id_with_another_body_or_method_is_reused(stage: Stage, trouble: Trouble) -> None:
    async with TestPlatform(Ledger, faults=trouble) as platform:
        sent = platform.clock.now_ms()
        trouble.delay_sent("node1", JOURNAL, 1.0, 1)
        first = await started(platform, attempt(platform, "ledger", "a", "write", id="m1", sent=sent, line="x"))
        pending = await started(platform, attempt(platform, "ledger", "a", "write", id="m1", sent=sent, line="other"))
        await platform.clock.advance(1.5)
        assert result(await first) == 1
        assert result(await pending) == "id_reused"
        body = await attempt(platform, "ledger", "a", "write", id="m1", sent=sent, line="other")
        method = await attempt(platform, "ledger", "a", "refuse", id="m1", sent=sent, line="x")
        assert (result(body), result(method)) == ("id_reused", "id_reused")
        await platform.crash()
        after = await attempt(platform, "ledger", "a", "write", id="m1", sent=sent, line="other")
        assert result(after) == "id_reused"
        assert await platform.actor(Ledger, "a").read() == ["x"]


async def test_one_id_for_two_keys_is_two_messages(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        for key in ("a", "b"):
            await platform.actor(Ledger, key, id="1").write.tell(line="x")
        await platform.settle()
        assert await platform.actor(Ledger, "a").read() == await platform.actor(Ledger, "b").read() == ["x"]


async def test_events_of_two_kinds_at_one_journal_sequence_are_both_stored(stage: Stage) -> None:
    async with TestPlatform(Ledger, Other) as platform:
        for line in ("x", "y", "z"):
            await platform.actor(Ledger, "a").pass_on(to="b", line=line)
            await platform.actor(Other, "a").pass_on(to="b", line=line)
        await platform.settle()
        events = platform.events
        assert len(events) == 6
        assert len({event.id for event in events}) == 6
        sequences = [(event.kind, event.id.split(".")[2]) for event in events]
        assert {s for kind, s in sequences if kind == "ledger"} & {s for kind, s in sequences if kind == "other"}


async def test_an_ask_and_a_tell_of_one_id_take_effect_once(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        for first, second in (("ask", "tell"), ("tell", "ask")):
            key = f"{first}-{second}"
            actor = platform.actor(Ledger, key, id="m1")
            sent = platform.clock.now_ms()
            for way in (first, second):
                if way == "tell":
                    await actor.write.tell(line="x")
                    await platform.settle()
                else:
                    assert result(await attempt(platform, "ledger", key, "write", id="m1", sent=sent, line="x")) == 1
            assert await actor.read() == ["x"]


async def test_a_tell_that_comes_while_an_ask_of_its_id_is_looked_up_takes_effect_once(
    stage: Stage, trouble: Trouble
) -> None:
    """The ask is older than the index reaches, so older journal is read first; meanwhile the tell arrives."""
    async with TestPlatform(Ledger, faults=trouble) as platform:
        await platform.actor(Ledger, "a").write(line="first")
        await checkpointed(platform)
        old = platform.clock.now_ms()
        await platform.clock.advance(1)
        await platform.actor(Ledger, "a").write(line="second")
        await checkpointed(platform)
        await platform.crash()
        (partition,) = platform.cluster.nodes[0].partitions
        await platform.cluster.until(lambda: not partition.admission.recollection.reading_back)
        partition.admission.recollection.reading_back = True
        partition.index._segments[0].since = platform.clock.now_ms() - 1
        ask = await started(platform, attempt(platform, "ledger", "a", "write", id="m1", sent=old, number=2, line="x"))
        assert not ask.done()
        trouble.delay_sent("node1", JOURNAL, 1.0, 1)
        await platform.actor(Ledger, "a", id="m1").write.tell(line="x")
        await platform.clock.settle()
        partition.index._segments[0].since = 0
        partition.admission.recollection.extended(more=False)
        await platform.settle()
        assert result(await ask) == 3
        assert await platform.actor(Ledger, "a").read() == ["first", "second", "x"]


async def test_a_tell_that_is_given_up_answers_an_ask_of_the_same_id(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        stage.broken["x"] = 100
        sent = platform.clock.now_ms()
        await platform.actor(Ledger, "a", id="m1").write.tell(line="x")
        await platform.settle()
        answer = await attempt(platform, "ledger", "a", "write", id="m1", sent=sent, number=2, line="x")
        assert result(answer) == "internal"
        assert stage.runs["x"] == 5


async def test_a_kept_outcome_outlives_the_journal(stage: Stage) -> None:
    settings = Settings.model_construct(index_age=60.0)
    async with TestPlatform(Ledger, settings=settings) as platform:
        sent = platform.clock.now_ms()
        first = await attempt(platform, "ledger", "a", "refuse", id="m1", sent=sent, keep=86_400, line="x")
        await platform.actor(Ledger, "a").write(line="y")
        await checkpointed(platform)
        stream = platform.cluster.broker.stream("natya_journal_ledger_0")
        assert stream is not None
        await platform.crash()
        stream.purge(JOURNAL, before=stream.read(JOURNAL)[-1].sequence)
        await platform.crash()
        again = await attempt(platform, "ledger", "a", "refuse", id="m1", sent=sent, number=2, keep=86_400, line="x")
        assert (again.code, again.slug, again.body) == (first.code, first.slug, first.body)
        unknown = await attempt(platform, "ledger", "a", "refuse", id="m1", sent=sent, number=2, line="x")
        assert result(unknown) == "outcome_unknown"
        with pytest.raises(Reject):
            raise first.error()
        assert stage.runs["x"] == 1


async def test_a_repeat_after_its_outcome_was_to_be_kept_is_found_by_reading_back(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        sent = platform.clock.now_ms()
        await attempt(platform, "ledger", "a", "write", id="m1", sent=sent, keep=60, line="x")
        await platform.actor(Ledger, "a").write(line="y")
        await platform.clock.advance(120)
        await platform.actor(Ledger, "a").write(line="z")
        await checkpointed(platform)
        await platform.crash()
        again = await attempt(platform, "ledger", "a", "write", id="m1", sent=sent, number=2, keep=60, line="x")
        assert result(again) == 1
        assert stage.runs["x"] == 1


async def test_a_repeat_after_its_outcome_was_to_be_kept_never_runs_again(stage: Stage) -> None:
    async with TestPlatform(Ledger, settings=Settings.model_construct(index_age=60.0)) as platform:
        sent = platform.clock.now_ms()
        await attempt(platform, "ledger", "a", "write", id="m1", sent=sent, keep=60, line="x")
        for number in range(6):
            await platform.clock.advance(70)
            await platform.actor(Ledger, "a").write(line=f"{number}")
        again = await attempt(platform, "ledger", "a", "write", id="m1", sent=sent, number=2, keep=60, line="x")
        assert result(again) == "outcome_unknown"
        assert stage.runs["x"] == 1


async def test_an_outcome_to_be_kept_for_longer_than_dates_go_is_refused(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        call = await attempt(platform, "ledger", "a", "write", id="m1", keep=10**15, line="x")
        assert result(call) == "invalid"


async def test_messages_that_are_looked_up_in_the_store_are_bounded(stage: Stage) -> None:
    async with TestPlatform(Ledger, settings=Settings.model_construct(partition_limit=10)) as platform:
        await platform.actor(Ledger, "a").write(line="resident")
        platform.snapshots.available = False
        calls = [
            await started(platform, attempt(platform, "ledger", "a", "write", id=f"m{n}", keep=60, timeout=60, line=f"{n}"))
            for n in range(30)
        ]
        assert [result(call.result()) for call in calls[10:]] == ["overloaded"] * 20
        platform.snapshots.available = True
        await platform.clock.advance(5)
        assert [result(call.result()) for call in calls[:10]] == [*range(2, 12)]
