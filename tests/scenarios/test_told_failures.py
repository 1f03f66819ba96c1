"""Attempts that come after a later one of the same message was told that it failed, or was refused: they take no effect."""

from __future__ import annotations

from natya.memory import ManualClock
from natya.message import Answer, Message
from natya.runtime.failures import LIMIT, REMEMBERED, Failures
from natya.testing import TestPlatform
from support.ledger import Ledger, Stage
from support.protocol import attempt, result, started


async def test_no_attempt_takes_effect_after_a_later_one_was_told_that_nothing_changed(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        sent = platform.clock.now_ms()
        stage.broken["x"] = 1
        second = await attempt(platform, "ledger", "a", "write", id="m1", sent=sent, number=2, line="x")
        first = await attempt(platform, "ledger", "a", "write", id="m1", sent=sent, number=1, line="x")
        assert (result(second), result(first)) == ("internal", "internal")
        assert await platform.actor(Ledger, "a").read() == []
        third = await attempt(platform, "ledger", "a", "write", id="m1", sent=sent, number=3, line="x")
        assert result(third) == 1


async def test_the_same_attempt_sent_again_by_hand_runs_after_a_failure(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        sent = platform.clock.now_ms()
        stage.broken["x"] = 1
        calls = [await attempt(platform, "ledger", "a", "write", id="m1", sent=sent, line="x") for _ in range(2)]
        assert [result(call) for call in calls] == ["internal", 1]


async def test_failures_are_remembered_for_seconds_only(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        sent = platform.clock.now_ms()
        stage.broken["x"] = 1
        await attempt(platform, "ledger", "a", "write", id="m1", sent=sent, number=9, line="x")
        await platform.clock.advance(REMEMBERED)
        assert result(await attempt(platform, "ledger", "a", "write", id="m1", sent=sent, line="x")) == 1


async def test_failures_that_are_remembered_are_bounded(stage: Stage) -> None:
    clock = ManualClock()
    failures = Failures(clock)
    for number in range(LIMIT + 5):
        failures.note(Message("ledger", "a", 0, "write", b"", id=f"m{number}", attempt=2), Answer(b"", 500, "internal"))
    known = [bool(failures.after(Message("ledger", "a", 0, "write", b"", id=f"m{n}"))) for n in range(LIMIT + 5)]
    assert known == [False] * 5 + [True] * LIMIT


async def test_no_attempt_takes_effect_after_a_later_one_was_refused_as_a_cycle(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        stage.gates["y"].set()
        waiting = await started(platform, platform.actor(Ledger, "y").relay(path=["x"], line="x"))
        (partition,) = platform.cluster.nodes[0].partitions
        now = platform.clock.now_ms()
        answers: list[Answer] = []

        def send(number: int) -> None:
            message = Message("ledger", "y", 0, "write", b'{"line":"from x"}', id="m1", sent=now, attempt=number)
            message.chain, message.arrived = ("ledger/x",), now
            partition.accept(message, answers.append)

        send(2)
        stage.gates["x"].set()
        assert await waiting == ["y", "x"]
        send(1)
        await platform.clock.settle()
        assert [answer.slug for answer in answers] == ["call_cycle"] * 2
        assert stage.runs["from x"] == 0
