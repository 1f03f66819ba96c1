"""What becomes of a message that its sender wants remembered, asked for at every point of its life: the answer is *unknown* only where
nothing of it is anywhere, and asking runs nothing.

1. Nobody has ever sent it. 2. It is in the mail and not read yet; behind a message that runs, waits for a retry or fills the mailbox; behind very
many. 3. It waits, runs, or has ended and is not acknowledged. 4. It has failed and waits for another attempt. 5. It is committed: a
result, a rejection, a dead letter. (What goes wrong meanwhile: `test_outcomes_in_trouble`.)
"""

from __future__ import annotations

import orjson
import pytest

from natya.message import ID, SENT, Answer, digest_of
from natya.outcome import Outcome, Stand
from natya.ref import Options
from natya.runtime.outcomes import LOOK
from natya.settings import Settings
from natya.testing import TestPlatform
from support.ledger import Echo, Ledger, Stage
from support.outcomes import DAY, JOURNAL, body, outcome, partition_of, send
from support.protocol import attempt, result, started, told
from support.trouble import Trouble


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
