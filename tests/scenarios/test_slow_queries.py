"""A query that takes longer than its caller waits for one attempt is run once, and answered."""

from __future__ import annotations

import asyncio

from natya.testing import TestPlatform
from support.ledger import Ledger, Stage
from support.protocol import attempt, result, started


async def test_every_attempt_of_a_query_gets_the_answer_of_the_first(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        await platform.actor(Ledger, "a").write(line="x")
        reading = await started(platform, platform.actor(Ledger, "a", timeout=60).read_slowly(gate="g"))
        plain = await started(platform, platform.bus.request("natya.ask.ledger.a.read_slowly", b'{"gate":"g"}', timeout=60))
        await platform.clock.advance(20)
        (partition,) = platform.cluster.nodes[0].partitions
        assert len(partition.reader._slow) == 2
        stage.gates["g"].set()
        assert await reading == ["x"]
        assert (await plain).data == b'["x"]'


async def test_another_query_under_the_same_id_gets_an_answer_of_its_own(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        first = await started(platform, attempt(platform, "ledger", "a", "read_slowly", id="q", gate="one"))
        second = await started(platform, attempt(platform, "ledger", "a", "read_slowly", id="q", number=2, gate="two"))
        stage.gates["two"].set()
        assert result(await second) == []
        await asyncio.sleep(0)
        assert not first.done()
        stage.gates["one"].set()
        assert result(await first) == []
