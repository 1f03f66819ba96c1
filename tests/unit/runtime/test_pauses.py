"""`natya.runtime.execution`: a pause starts nothing, loses nothing, and ends where it began."""

from __future__ import annotations

import pytest

from natya.errors import Overloaded
from natya.message import Answer, Message
from natya.settings import Settings
from natya.testing import TestPlatform
from support.ledger import Ledger, Stage
from support.ledger import stage as clean_stage
from support.protocol import started


@pytest.fixture
async def stage() -> Stage:
    async with clean_stage() as found:
        return found


async def test_what_comes_in_a_pause_waits_and_runs_in_order_after_it(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        await platform.actor(Ledger, "a").write(line="before")
        (partition,) = platform.cluster.nodes[0].partitions
        partition.execution.pause()
        writing = [await started(platform, platform.actor(Ledger, "a").write(line=str(n))) for n in range(3)]
        reading = await started(platform, platform.actor(Ledger, "a").read())
        loading = await started(platform, platform.actor(Ledger, "new").write(line="x"))
        assert stage.runs == {"before": 1}
        assert not reading.done()
        partition.execution.resume()
        assert [await each for each in (*writing, loading)] == [2, 3, 4, 1]
        assert (await reading)[0] == "before"
        assert await platform.actor(Ledger, "a").read() == ["before", "0", "1", "2"]


async def test_pauses_nest(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        (partition,) = platform.cluster.nodes[0].partitions
        partition.execution.pause()
        partition.execution.pause()
        writing = await started(platform, platform.actor(Ledger, "a").write(line="x"))
        partition.execution.resume()
        await platform.clock.settle()
        assert stage.runs == {}
        partition.execution.resume()
        assert await writing == 1


async def test_what_runs_goes_on_and_what_it_asks_for_may_start_if_the_pause_says_so(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        (partition,) = platform.cluster.nodes[0].partitions
        relaying = await started(platform, platform.actor(Ledger, "a").relay(path=["b"], line="x"))
        execution = partition.execution
        execution.pause(execution.awaited)
        other = await started(platform, platform.actor(Ledger, "b").write(line="other"))
        stage.gates["a"].set()
        stage.gates["b"].set()
        assert await relaying == ["a", "b"]
        assert not other.done()
        execution.resume(execution.awaited)
        assert await other == 2


async def test_a_mailbox_is_full_in_a_pause_as_at_any_time(stage: Stage) -> None:
    async with TestPlatform(Ledger, settings=Settings.model_construct(mailbox_limit=2)) as platform:
        await platform.actor(Ledger, "a").write(line="before")
        (partition,) = platform.cluster.nodes[0].partitions
        partition.execution.pause()
        heard: list[Answer] = []
        for n in range(3):
            now = platform.clock.now_ms()
            message = Message("ledger", "a", 0, "write", b'{"line":"%d"}' % n, id=f"{n}", sent=now, arrived=now)
            partition.accept(message, heard.append)
        assert [answer.slug for answer in heard] == [Overloaded.slug]
        partition.execution.resume()
        await platform.clock.settle()
        assert await platform.actor(Ledger, "a").read() == ["before", "0", "1"]
