"""What becomes of a message that its sender wants remembered, asked for at every point of its life: the answer is *unknown* only where
nothing of it is anywhere, and asking runs nothing.

1. Nobody has ever sent it; its time is over. 2. It is in the mail and not read yet; behind a message that runs, waits for a retry or
fills the mailbox; behind very many. 3. It waits, runs, or has ended and is not acknowledged. 4. It has failed and waits for another
attempt. 5. It is committed: a result, a rejection, a dead letter. 6. Its owner ends just then, or hands over while somebody waits. 7. Checkpoint
passed, journal trimmed, index dropped. 8. Store or mail away. 9. It moves while it is looked for. 10. Another message comes under its id.
"""

from __future__ import annotations

import asyncio

import orjson
import pytest

from natya.errors import Unavailable
from natya.message import ID, SENT, Answer, digest_of
from natya.outcome import Outcome, Stand
from natya.ports.snapshots import Kept
from natya.ref import Options
from natya.runtime.outcomes import LOOK
from natya.runtime.partition import Partition
from natya.settings import Settings
from natya.testing import TestPlatform
from support.ledger import Echo, Ledger, Stage
from support.protocol import attempt, result, started, told
from support.trouble import HeldSnapshots, Trouble

DAY = 86_400
JOURNAL = "natya.journal.ledger.0"
MAIL = "natya_mail_ledger"


async def send(platform: TestPlatform, key: str, method: str, line: str, id: str = "m1", keep: int = DAY) -> None:
    await platform.store("ledger", key, method, body(line), Options(id, keep=keep))


def body(line: str) -> bytes:
    return orjson.dumps({"line": line})


async def outcome(platform: TestPlatform, key: str = "a", id: str = "m1", wait: float = 0.0) -> Outcome:
    return await platform.outcome("ledger", key, id, wait=wait)


def partition_of(platform: TestPlatform) -> Partition:
    (found,) = [p for node in platform.cluster.nodes for p in node.partitions if p.definition.kind == "ledger"]
    return found


async def forgotten(platform: TestPlatform) -> None:
    """Let the checkpoint pass everything, and take away what the journal and the index still know."""
    await platform.actor(Ledger, "other").write(line="later")
    await platform.clock.advance(5)
    assert partition_of(platform).unwritten.oldest is None
    stream = platform.cluster.broker.stream("natya_journal_ledger_0")
    assert stream is not None
    await platform.crash()
    stream.purge(JOURNAL, before=stream.read(JOURNAL)[-1].sequence)
    await platform.crash()
    assert partition_of(platform).index.find("a", "m1") == 0


async def test_a_message_that_nobody_sent_is_unknown_and_asking_for_it_activates_nothing(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        assert await outcome(platform) == Outcome(Stand.UNKNOWN)
        assert len(partition_of(platform).catalog) == 0
        await send(platform, "a", "write", "x")
        await platform.settle()
        assert (await outcome(platform, id="m2")).stand is Stand.UNKNOWN
        assert (await outcome(platform, key="b")).stand is Stand.UNKNOWN


async def test_a_message_in_the_mail_that_is_not_read_yet_is_pending(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        partition_of(platform).mailbag.hold(True)
        await send(platform, "a", "write", "x")
        await platform.clock.settle()
        assert stage.runs["x"] == 0
        assert await outcome(platform) == Outcome(Stand.PENDING, digest_of("write", body("x")))
        assert (await outcome(platform, id="m2")).stand is Stand.UNKNOWN
        assert (await outcome(platform, key="b")).stand is Stand.UNKNOWN


async def test_a_message_with_very_many_before_it_is_pending_and_not_unknown(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        partition_of(platform).mailbag.hold(True)
        for n in range(LOOK):
            await told(platform, "a", "write", line=f"{n}")
        await send(platform, "a", "write", "x")
        await platform.clock.settle()
        assert await outcome(platform) == Outcome(Stand.PENDING)


async def test_a_message_behind_one_that_is_tried_again_is_pending(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        stage.broken["bad"] = 2
        await told(platform, "a", "write", line="bad")
        await send(platform, "a", "write", "x")
        await platform.clock.settle()
        assert partition_of(platform).mailbag.behind == 1
        assert await outcome(platform) == Outcome(Stand.PENDING, digest_of("write", body("x")))
        await platform.settle()
        assert (await outcome(platform)).answer == Answer(b"2")


async def test_a_message_behind_a_full_mailbox_is_pending(stage: Stage) -> None:
    async with TestPlatform(Ledger, settings=Settings.model_construct(mailbox_limit=2)) as platform:
        await told(platform, "a", "write_slowly", line="slow")
        for n in range(4):
            await told(platform, "a", "write", line=f"{n}")
        await send(platform, "a", "write", "x")
        await platform.clock.settle()
        assert (await outcome(platform)).stand is Stand.PENDING
        stage.gates["slow"].set()
        await platform.settle()
        assert (await outcome(platform)).answer == Answer(b"6")


async def test_a_message_that_waits_or_runs_is_pending_and_who_waits_hears_its_end_at_once(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        await send(platform, "a", "write_slowly", "x")
        await send(platform, "a", "write", "y", id="m2")
        await platform.clock.settle()
        for id in ("m1", "m2"):
            assert (await outcome(platform, id=id)).stand is Stand.PENDING
        waiting = [await started(platform, platform.outcome("ledger", "a", id, wait=20)) for id in ("m1", "m2")]
        stage.gates["x"].set()
        await platform.clock.settle()
        assert [(await each).answer for each in waiting] == [Answer(b"1"), Answer(b"2")]


async def test_who_waits_too_long_hears_that_it_is_pending(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        await send(platform, "a", "write_slowly", "x")
        waiting = await started(platform, platform.outcome("ledger", "a", "m1", wait=3))
        await platform.clock.advance(2.5)
        assert not waiting.done()
        await platform.clock.advance(1)
        assert (await waiting).stand is Stand.PENDING


async def test_a_turn_that_has_ended_is_pending_until_its_append_is_acknowledged(stage: Stage, trouble: Trouble) -> None:
    async with TestPlatform(Ledger, faults=trouble) as platform:
        await platform.actor(Ledger, "a").write(line="warm")
        trouble.lose_sent("node1", JOURNAL, 1)
        await send(platform, "a", "write", "x")
        await platform.clock.settle()
        assert stage.runs["x"] == 1
        assert (await outcome(platform)).stand is Stand.PENDING
        await platform.clock.advance(3)
        assert (await outcome(platform)).answer == Answer(b"2")


async def test_a_message_that_waits_for_another_attempt_is_pending_and_its_failures_are_told(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        stage.broken["x"] = 2
        await send(platform, "a", "write", "x")
        await platform.clock.settle()
        assert await outcome(platform) == Outcome(Stand.PENDING, digest_of("write", body("x")), failures=1)
        waiting = await started(platform, platform.outcome("ledger", "a", "m1", wait=30))
        await platform.clock.advance(15)
        assert (await waiting).answer == Answer(b"1")


async def test_what_is_given_up_or_rejected_is_done_with_its_problem(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        stage.broken["x"] = 100
        await send(platform, "a", "write", "x")
        await send(platform, "b", "refuse", "y")
        await platform.settle()
        for key, slug in (("a", "internal"), ("b", "refused")):
            found = await outcome(platform, key=key)
            assert found.stand is Stand.DONE
            assert found.answer is not None
            assert found.answer.slug == slug
            assert orjson.loads(found.answer.body)["code"] == slug
        assert {letter.slug for letter in platform.dead_letters} == {"internal", "refused"}


async def test_an_owner_that_has_just_taken_over_knows_what_is_in_the_journal(stage: Stage) -> None:
    snapshots = HeldSnapshots()
    async with TestPlatform(Ledger, snapshots=snapshots) as platform:
        snapshots.writes.clear()
        await send(platform, "a", "write", "x")
        await platform.settle()
        for _ in range(2):
            await platform.crash()
            assert (await outcome(platform)).answer == Answer(b"1")


async def test_a_message_that_ran_when_its_owner_ended_is_pending_and_takes_effect_once(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        await send(platform, "a", "write_slowly", "x")
        await platform.clock.settle()
        await platform.crash()
        assert (await outcome(platform)).stand is Stand.PENDING
        stage.gates["x"].set()
        await platform.settle()
        assert (await outcome(platform)).answer == Answer(b"1")


async def test_who_waits_is_answered_by_the_successor(stage: Stage) -> None:
    async with TestPlatform(Ledger, nodes=2) as platform:
        await send(platform, "a", "write_slowly", "x")
        waiting = await started(platform, platform.outcome("ledger", "a", "m1", wait=25))
        (owner,) = [node for node in platform.cluster.nodes if node.partitions]
        await platform.cluster.crash(owner)
        await platform.cluster.ready()
        stage.gates["x"].set()
        await platform.clock.advance(3)
        assert (await waiting).answer == Answer(b"1")


async def test_an_outcome_outlives_checkpoint_journal_index_and_memory_and_then_its_time_is_over(stage: Stage) -> None:
    settings = Settings.model_construct(index_age=60.0, idle_after=1.0)
    clocked = HeldSnapshots()
    async with TestPlatform(Ledger, settings=settings, snapshots=clocked) as platform:
        clocked._clock = platform.clock
        await send(platform, "a", "write", "x", keep=60)
        await platform.settle()
        await forgotten(platform)
        assert (await outcome(platform)).answer == Answer(b"1")
        await platform.clock.advance(60)
        assert (await outcome(platform)).stand is Stand.UNKNOWN


async def test_without_the_store_what_only_the_store_may_know_is_unavailable(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        await send(platform, "a", "write", "x")
        await platform.settle()
        platform.snapshots.available = False
        assert (await outcome(platform)).answer == Answer(b"1"), "the journal has it"
        asking = await started(platform, platform.outcome("ledger", "a", "m2"))
        await platform.clock.advance(6)
        with pytest.raises(Unavailable):
            await asking
        asking = await started(platform, platform.outcome("ledger", "a", "m2", wait=20))
        await platform.clock.advance(2)
        platform.snapshots.available = True
        await platform.clock.advance(2)
        assert (await asking).stand is Stand.UNKNOWN


async def test_without_the_mail_what_may_be_in_it_is_unavailable(stage: Stage, trouble: Trouble) -> None:
    async with TestPlatform(Ledger, faults=trouble) as platform:
        trouble.lose_sent("node1", f"$JS.API.{MAIL}")
        asking = await started(platform, platform.outcome("ledger", "a", "m1"))
        await platform.clock.advance(8)
        with pytest.raises(Unavailable):
            await asking
        trouble.clear()
        assert (await outcome(platform)).stand is Stand.UNKNOWN


class SlowOnce(HeldSnapshots):
    """A store that lets the next question for an outcome wait at ``gate``."""

    gate: asyncio.Event | None = None

    async def kept(self, kind: str, token: str, id: str, *, after: str = "") -> Kept | None:
        gate, self.gate = self.gate, None
        found = await super().kept(kind, token, id, after=after)
        if gate is not None:
            await gate.wait()
        return found


@pytest.mark.parametrize("failures", [0, 1])
async def test_a_message_that_leaves_the_mail_while_it_is_looked_for_is_found(stage: Stage, failures: int) -> None:
    """Not in memory yet when that is looked at; done, or back in the mail, when that is."""
    snapshots = SlowOnce()
    async with TestPlatform(Ledger, snapshots=snapshots) as platform:
        stage.broken["x"] = failures
        partition_of(platform).mailbag.hold(True)
        await send(platform, "a", "write", "x")
        await platform.clock.settle()
        gate = snapshots.gate = asyncio.Event()
        asking = await started(platform, platform.outcome("ledger", "a", "m1"))
        assert snapshots.gate is None, "memory and journal do not know it"
        partition_of(platform).mailbag.hold(False)
        await platform.clock.settle()
        assert stage.runs["x"] == 1
        assert partition_of(platform).mailbag.behind == failures
        stream = platform.cluster.broker.stream(MAIL)
        assert stream is not None
        if not failures:
            stream.purge(">", before=100)
        gate.set()
        assert (await asking).stand is (Stand.PENDING if failures else Stand.DONE)


async def test_a_message_that_goes_back_to_the_mail_while_that_is_looked_through_is_found(
    stage: Stage, trouble: Trouble
) -> None:
    """In memory when the mail is asked, and back in the mail before memory is looked at again."""
    snapshots = SlowOnce()
    async with TestPlatform(Ledger, snapshots=snapshots, faults=trouble) as platform:
        stage.broken["x"] = 1
        partition_of(platform).mailbag.hold(True)
        await send(platform, "a", "write_slowly", "x")
        await platform.clock.settle()
        gate = snapshots.gate = asyncio.Event()
        asking = await started(platform, platform.outcome("ledger", "a", "m1"))
        partition_of(platform).mailbag.hold(False)
        await platform.clock.settle()
        assert stage.runs["x"] == 1, "it runs now"
        trouble.delay_sent("node1", f"$JS.API.{MAIL}", 1.0, 1)
        gate.set()
        await platform.clock.settle()
        stage.gates["x"].set()
        await platform.clock.settle()
        assert partition_of(platform).mailbag.behind == 1, "it has failed"
        await platform.clock.advance(1.2)
        assert (await asking).stand is Stand.PENDING


async def test_another_message_under_its_id_changes_nothing_of_what_is_known(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        stream = platform.cluster.broker.stream(MAIL)
        assert stream is not None
        sent = platform.clock.now_ms()
        await send(platform, "a", "write", "x")
        await platform.settle()
        stream._seen.clear()
        await send(platform, "a", "write", "y")
        await platform.settle()
        assert [letter.slug for letter in platform.dead_letters] == ["id_reused"]
        first = Outcome(Stand.DONE, digest_of("write", body("x")), answer=Answer(b"1"))
        assert await outcome(platform) == first
        await platform.crash()
        assert await outcome(platform) == first
        again = await attempt(platform, "ledger", "a", "write", id="m1", sent=sent, number=2, keep=DAY, line="x")
        assert result(again) == 1
        await forgotten(platform)
        assert await outcome(platform) == first
        assert stage.runs["y"] == 0


async def test_the_outcome_of_a_call_is_told_as_well(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        call = await started(platform, attempt(platform, "ledger", "a", "write_slowly", id="m1", keep=DAY, line="x"))
        assert (await outcome(platform)).stand is Stand.PENDING
        stage.gates["x"].set()
        assert result(await call) == 1
        assert (await outcome(platform)).answer == Answer(b"1")


async def test_a_message_to_a_stateless_kind_has_an_outcome_too(stage: Stage) -> None:
    async with TestPlatform(Ledger, Echo) as platform:
        await platform.store("echo", "e", "note", body("x"), Options("m1", keep=DAY))
        await platform.settle()
        assert (await platform.outcome("echo", "e", "m1")).answer == Answer(b"null")


@pytest.mark.parametrize("way", ["ask", "tell"])
async def test_only_those_who_may_call_can_ask_for_outcomes(stage: Stage, way: str) -> None:
    async with TestPlatform(Ledger) as platform:
        await send(platform, "a", "write", "x")
        await platform.settle()
        document = orjson.dumps({"id": "m1"})
        if way == "ask":
            reply = await platform.bus.request("natya.ask.ledger.a.$outcome", document, timeout=2)
            assert result(Answer.read(reply)) == "unknown_method"
        else:
            headers = {ID: "m2", SENT: str(platform.clock.now_ms()), "Natya-Reply-To": "elsewhere"}
            await platform.bus.store("natya.tell.ledger.a.$outcome", document, headers, timeout=2)
            await platform.settle()
            assert [letter.slug for letter in platform.dead_letters] == ["invalid"]


@pytest.mark.parametrize("question", [b"", b"[]", b"{}", b"{", b'{"id":"m1","until":"soon"}'])
async def test_a_malformed_question_is_invalid(stage: Stage, question: bytes) -> None:
    async with TestPlatform(Ledger) as platform:
        reply = await platform.bus.request("natya.call.ledger.0.a.$outcome", question, timeout=2)
        assert result(Answer.read(reply)) == "invalid"
        headers = {ID: "q1", SENT: str(platform.clock.now_ms())}
        reply = await platform.bus.request("natya.call.ledger.0.a.$outcome", question, headers, timeout=2)
        assert result(Answer.read(reply)) == "invalid"
