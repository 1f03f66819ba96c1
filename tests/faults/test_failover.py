"""`kill -9` of an owner, again and again, and a caller that repeats by the protocol. Set ``NATYA_TEST_KILLS`` for more of them."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import statistics
from pathlib import Path
from random import Random

import pytest
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NoReplyError

from support.bare_client import Bare, bare_client, first_attempt, partition_of, token_of
from support.cluster import Cluster

ATTEMPT = 0.1
"""Seconds that the caller waits for one attempt."""
GENEROUS = 3.0


async def owner(bare: Bare, key: str) -> str:
    bucket = await bare.js.key_value("natya_cluster")
    entry = await bucket.get(f"owner.account.{partition_of(token_of(key), 16)}")
    found: str = json.loads(entry.value or b"")["node"]
    return found


async def deposit(bare: Bare, key: str) -> float:
    """One deposit of 1, repeated until there is a result; the seconds that took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    headers = first_attempt()
    for number in range(1, 1_000):
        headers["Natya-Attempt"] = f"{number}"
        try:
            reply = await bare.ask("account", key, "deposit", {"amount": 1}, headers, timeout=ATTEMPT)
        except (NoRespondersError, NoReplyError):
            pass
        else:
            if reply.code == 0:
                return loop.time() - began
        await asyncio.sleep(0.005)
    raise AssertionError(f"{key} did not answer")


@pytest.mark.slow
async def test_after_kill_9_of_an_owner_the_next_ask_succeeds_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    random = Random(int(os.environ.get("NATYA_TEST_SEED", secrets.randbelow(1 << 32))))
    kills = int(os.environ.get("NATYA_TEST_KILLS", "15"))
    deposits = dict.fromkeys([f"k{n}" for n in range(40)], 0)
    waits = []
    async with (
        Cluster(tmp_path, workers=3, app="natya_actors") as cluster,
        bare_client(cluster.nats.url) as bare,
    ):
        for _ in range(kills):
            key = random.choice(list(deposits))
            await deposit(bare, key)
            victim = cluster.worker(await owner(bare, key))
            await victim.kill()
            waits.append(await deposit(bare, key))
            deposits[key] += 2
            await victim.start()
        found = {key: (await bare.insist("account", key, "balance")).result["balance"] for key in deposits}
    waits.sort()
    print(
        f"{kills} kills: p50 {statistics.median(waits):.3f} s, p99 {waits[int(kills * 0.99)]:.3f} s, max {waits[-1]:.3f} s"
    )
    assert found == deposits
    assert waits[-1] < GENEROUS
