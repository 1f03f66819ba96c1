"""Stored messages that fail, wait, repeat each other or cannot be taken now: each hurts its own actor only."""

from __future__ import annotations

import pytest

from natya.message import MSG_ID
from natya.settings import Settings
from natya.testing import TestPlatform
from support.ledger import Ledger, Stage, Waking
from support.protocol import attempt, result, started, told
from support.trouble import HeldSnapshots

MAIL = "natya_mail_ledger"


async def test_a_failing_tell_is_tried_again_while_only_its_own_key_waits(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        stage.broken["bad"] = 2
        await told(platform, "a", "write", line="bad")
        await told(platform, "a", "write", line="after")
        await told(platform, "b", "write", line="other")
        await platform.clock.settle()
        assert stage.runs == {"bad": 1, "other": 1}
        await platform.settle()
        assert await platform.actor(Ledger, "a").read() == ["bad", "after"]
        assert stage.runs["bad"] == 3
        assert platform.dead_letters == []


async def test_a_tell_that_always_fails_is_a_dead_letter_after_five_attempts_in_half_a_minute(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        stage.broken["bad"] = 100
        began = platform.clock.boottime()
        await platform.actor(Ledger, "a", id="m1").write.tell(line="bad")
        await told(platform, "a", "write", line="after")
        await platform.settle()
        assert 20 < platform.clock.boottime() - began < 45
        assert stage.runs["bad"] == 5
        (letter,) = platform.dead_letters
        assert (letter.kind, letter.token, letter.method, letter.attempts, letter.slug) == (
            "ledger",
            "a",
            "write",
            5,
            "internal",
        )
        assert letter.body == '{"line":"bad"}'
        assert letter.headers["Natya-Id"] == "m1"
        assert await platform.actor(Ledger, "a").read() == ["after"]


async def test_a_rejected_tell_is_a_dead_letter_at_once_and_its_repeat_is_no_second_one(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        stream = platform.cluster.broker.stream(MAIL)
        assert stream is not None
        for _ in range(2):
            await platform.actor(Ledger, "a", id="m1").refuse.tell(line="x")
            await platform.settle()
            stream._seen.clear()
        assert stream._last == 2
        assert [(letter.slug, letter.attempts) for letter in platform.dead_letters] == [("refused", 1)]
        assert stage.runs["x"] == 1


async def test_two_tells_of_one_id_that_wait_together_run_once_and_in_order(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        stream = platform.cluster.broker.stream(MAIL)
        assert stream is not None
        await told(platform, "a", "write_slowly", line="slow")
        for line in ("x", "x"):
            await platform.actor(Ledger, "a", id="m1").write.tell(line=line)
            stream._seen.clear()
        await told(platform, "a", "write", line="last")
        await platform.clock.settle()
        stage.gates["slow"].set()
        await platform.settle()
        assert stream._last == 4
        assert await platform.actor(Ledger, "a").read() == ["slow", "x", "last"]


async def test_a_key_that_catches_up_stops_at_the_letter_that_fails(stage: Stage) -> None:
    """The letters behind it were read together with it, and must not be run before it."""
    async with TestPlatform(Ledger, settings=Settings.model_construct(mailbox_limit=2)) as platform:
        await told(platform, "a", "write_slowly", line="gate")
        for n in range(20):
            await told(platform, "a", "write", line=f"{n}")
        await platform.clock.settle()
        stage.broken["5"] = stage.broken["12"] = 2
        stage.gates["gate"].set()
        await platform.settle()
        assert await platform.actor(Ledger, "a").read() == ["gate", *(f"{n}" for n in range(20))]


async def test_an_ask_that_waits_for_a_tell_of_its_id_is_answered_although_the_tell_fails(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        stage.broken["x"] = 1
        sent = platform.clock.now_ms()
        await platform.actor(Ledger, "a", id="m1").write_slowly.tell(line="x")
        await platform.clock.settle()
        ask = await started(platform, attempt(platform, "ledger", "a", "write_slowly", id="m1", sent=sent, line="x"))
        assert not ask.done()
        stage.gates["x"].set()
        await platform.clock.settle()
        assert ask.done(), "it may repeat: it is not told nothing"
        assert (await ask).code == 503
        await platform.settle()
        again = await attempt(platform, "ledger", "a", "write_slowly", id="m1", sent=sent, number=2, line="x")
        assert result(again) == 1


async def test_an_actor_that_cannot_wake_up_keeps_its_mail_and_what_is_only_in_the_journal(stage: Stage) -> None:
    snapshots = HeldSnapshots()
    async with TestPlatform(Waking, snapshots=snapshots) as platform:
        snapshots.writes.clear()
        await platform.actor(Waking, "a").write(line="x")
        await platform.crash()
        stage.activations_fail = 3
        await platform.actor(Waking, "a").write.tell(line="y")
        await platform.settle()
        assert await platform.actor(Waking, "a").read() == ["x", "y"]
        assert platform.dead_letters == []


async def test_mail_of_actors_that_cannot_be_loaded_does_not_hold_up_those_that_are_in_memory(stage: Stage) -> None:
    async with TestPlatform(Ledger, settings=Settings.model_construct(mail_ahead=20)) as platform:
        await platform.actor(Ledger, "resident").write(line="x")
        platform.snapshots.available = False
        for n in range(50):
            await told(platform, f"absent{n}", "write", line="z")
        await told(platform, "resident", "write", line="y")
        await platform.clock.advance(10)
        assert await platform.actor(Ledger, "resident").read() == ["x", "y"]
        platform.snapshots.available = True
        await platform.settle()
        assert stage.runs["z"] == 50
        assert platform.dead_letters == []


async def test_a_message_id_is_one_for_the_server_and_one_for_the_actor(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        await platform.actor(Ledger, "a").pass_on(to="b", line="x")
        await platform.settle()
        stream = platform.cluster.broker.stream("natya_events")
        assert stream is not None
        (event,) = stream.read(">")
        assert event.headers[MSG_ID].startswith("ledger.0.")


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("write", {"line": "x" * 240_000, "more": 1}),
        ("write", {"\x01" * 40_000: 1}),
        ("refuse", {"line": "\\" * 120_000}),
        ("write", {"line": '"' * 120_000}),
    ],
    ids=["long body", "long name of a parameter", "long rejection", "long state"],
)
async def test_a_tell_whose_failure_is_too_large_to_be_recorded_stops_nobody(
    stage: Stage, method: str, arguments: dict[str, object]
) -> None:
    async with TestPlatform(Ledger, max_payload=256 * 1024) as platform:
        await told(platform, "bad", method, **arguments)
        await told(platform, "bad", "write", line="after")
        await told(platform, "good", "write", line="y")
        await platform.settle()
        assert await platform.actor(Ledger, "good").read() == ["y"]
        assert (await platform.actor(Ledger, "bad").read())[-1] == "after"
        (partition,) = platform.cluster.nodes[0].partitions
        assert partition.epoch == 1, "it was not even interrupted"
