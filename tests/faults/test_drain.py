"""SIGTERM: a worker gives up everything cleanly and ends; who repeats as the protocol says sees no error."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest

from support.bare_client import Bare, bare_client, partition_of
from support.cluster import Cluster, logged
from support.load import Load
from support.waiting import until


@pytest.mark.slow
async def test_a_rolling_restart_under_load_fails_no_caller(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with (
        Cluster(tmp_path, workers=3) as cluster,
        bare_client(cluster.nats.url) as bare,
        Load(bare, "drain") as load,
    ):
        await load.progress()
        for worker in cluster.workers:
            began = loop.time()
            worker.process.signal(signal.SIGTERM)
            assert await asyncio.wait_for(worker.wait(), 20) == 0
            print(f"{worker.name} ended in {loop.time() - began:.2f} s")
            assert loop.time() - began < 15
            await load.progress()
            await worker.start()
            await load.progress()
        await load.finish()
        print(load)
        await load.check()


@pytest.mark.slow
async def test_a_drain_waits_for_the_turn_that_runs_and_its_answer_arrives(tmp_path: Path) -> None:
    async with Cluster(tmp_path, workers=1) as cluster, bare_client(cluster.nats.url) as bare:
        slow = asyncio.create_task(bare.ask("ledger", "a", "enter_slowly", {"entry": "slow", "seconds": 2}))
        (worker,) = cluster.workers
        await logged(worker, "a begins to enter slow")
        worker.process.signal(signal.SIGTERM)
        assert (await slow).result == {"count": 1}
        assert await asyncio.wait_for(worker.wait(), 20) == 0
        await worker.start()
        assert (await bare.insist("ledger", "a", "entries")).result == ["slow"]


@pytest.mark.slow
async def test_the_last_worker_that_drains_leaves_partitions_that_the_next_need_not_wait_for(tmp_path: Path) -> None:
    """They are released, so the next owner joins the queue group of the last one instead of beginning a new one by force."""
    async with Cluster(tmp_path, workers=1) as cluster, bare_client(cluster.nats.url) as bare:
        assert (await bare.ask("counter", "a", "increment")).result == {"value": 1}
        key = f"owner.counter.{partition_of('a', 4)}"
        owners = await bare.js.key_value("natya_cluster")
        before = json.loads((await owners.get(key)).value or b"")
        (worker,) = cluster.workers
        await worker.stop()
        released = json.loads((await owners.get(key)).value or b"")
        assert released == before | {"node": None}
        await worker.start()
        assert (await bare.ask("counter", "a", "increment")).result == {"value": 2}
        after = json.loads((await owners.get(key)).value or b"")
        assert (after["epoch"], after["group"]) == (before["epoch"] + 1, before["group"])
        assert after["node"] not in (before["node"], None)


async def leaving(bare: Bare) -> bool:
    """Whether a member says that it is about to leave."""
    cards = await bare.stored("KV_natya_cluster", "$KV.natya_cluster.member.>")
    return any(json.loads(card.data or b"{}").get("leaving") for card in cards)


@pytest.mark.slow
async def test_a_second_signal_ends_a_worker_at_once(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with Cluster(tmp_path, workers=1) as cluster, bare_client(cluster.nats.url) as bare:
        slow = asyncio.create_task(bare.ask("ledger", "a", "enter_slowly", {"entry": "slow", "seconds": 30}, timeout=60))
        (worker,) = cluster.workers
        await logged(worker, "a begins to enter slow")
        began = loop.time()
        worker.process.signal(signal.SIGTERM)
        await until(lambda: leaving(bare))
        worker.process.signal(signal.SIGTERM)
        assert await asyncio.wait_for(worker.wait(), 10) == 1
        assert loop.time() - began < 5
        slow.cancel()
