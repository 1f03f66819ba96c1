"""Ids that are older than what a partition remembers: never run a second time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from support.bare_client import bare_client, first_attempt, now, partition_of
from support.cluster import Cluster
from support.waiting import until

SMALL_MEMORY = {"NATYA_INDEX_BYTES": str(130 * 1_000), "NATYA_INDEX_AGE": "1"}


@pytest.mark.slow
async def test_an_id_older_than_the_memory_is_answered_outcome_unknown_unless_it_was_to_be_kept(tmp_path: Path) -> None:
    async with (
        Cluster(tmp_path, workers=1, environment=SMALL_MEMORY) as cluster,
        bare_client(cluster.nats.url) as bare,
    ):
        keys = [f"k{n}" for n in range(1_000) if partition_of(f"k{n}", 4) == 0]
        old, kept, never = first_attempt(), first_attempt() | {"Natya-Keep": "3600"}, first_attempt()
        assert (await bare.ask("counter", keys[0], "increment", headers=old)).result == {"value": 1}
        assert (await bare.ask("counter", keys[1], "increment", headers=kept)).result == {"value": 1}
        await asyncio.sleep(0.05)  # the others are first sent later
        for _ in range(120):
            await asyncio.gather(*(bare.ask("counter", key, "increment", headers=first_attempt()) for key in keys[2:202]))

        async def again() -> tuple[int, str]:
            reply = await bare.ask("counter", keys[0], "increment", headers=old | {"Natya-Attempt": "2"})
            return reply.outcome

        assert await until(again, lambda outcome: outcome[0], limit=60) == (504, "outcome_unknown")
        reply = await bare.ask("counter", keys[1], "increment", headers=kept | {"Natya-Attempt": "2"})
        assert reply.result == {"value": 1}
        # One that was never seen, but first sent as long ago, cannot be told from one that was.
        assert (await bare.ask("counter", keys[2], "increment", headers=never)).outcome == (504, "outcome_unknown")
        for key in keys[:2]:
            assert (await bare.ask("counter", key, "value")).result == {"value": 1}
        fresh = first_attempt() | {"Natya-Sent": str(now())}
        assert (await bare.ask("counter", keys[0], "increment", headers=fresh)).result == {"value": 2}
