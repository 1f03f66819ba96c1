"""Outcomes that are asked for while things go wrong, or move.

1. The owner ends just then, or hands over while somebody waits. 2. Checkpoint passed, journal trimmed, index dropped; the outcome's time over. 3. Store or
mail away. 4. The message moves while it is looked for. 5. Another message comes under its id.
"""

from __future__ import annotations

import asyncio

import pytest

from natya.errors import Unavailable
from natya.message import Answer, digest_of
from natya.outcome import Outcome, Stand
from natya.ports.snapshots import Kept
from natya.settings import Settings
from natya.testing import TestPlatform
from support.ledger import Ledger, Stage
from support.outcomes import DAY, MAIL, body, forgotten, outcome, partition_of, send
from support.protocol import attempt, result, started
from support.trouble import HeldSnapshots, Trouble


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
