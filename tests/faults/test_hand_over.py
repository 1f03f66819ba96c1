"""Workers that come, go and restart under plain requests, the kind that `nats req` sends: no id, no retry. None may fail."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from nats.errors import Error

from support.bare_client import Bare, bare_client
from support.cluster import Cluster
from support.waiting import until

CALLERS = 8
KEYS = 60


class Requests:
    """Deposits of 1, each a plain request; what failed, and how long each took."""

    def __init__(self, bare: Bare) -> None:
        self._bare = bare
        self.done: Counter[str] = Counter()
        self.failed: list[str] = []
        self.waits: list[tuple[float, float]] = []
        self.stop = False

    async def make(self, caller: int) -> None:
        loop = asyncio.get_running_loop()
        number = caller
        while not self.stop:
            key = f"k{number % KEYS}"
            number += CALLERS + 1
            began = loop.time()
            try:
                reply = await self._bare.ask("account", key, "deposit", {"amount": 1}, timeout=20)
            except Error as error:
                self.failed.append(f"{key}: {error!r}")
            else:
                if reply.code:
                    self.failed.append(f"{key}: {reply.outcome}")
                else:
                    self.done[key] += 1
            self.waits.append((began, loop.time() - began))
            await asyncio.sleep(0.01)

    async def some(self, count: int = 200) -> None:
        """Wait until so many more are done."""
        before = self.done.total()

        async def more() -> int:
            return self.done.total() - before

        await until(more, lambda found: found >= count, limit=60)


async def shares(bare: Bare) -> dict[str, Counter[str]]:
    """Kind → node → how many of the kind's partitions it owns."""
    bucket = await bare.js.key_value("natya_cluster")
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for key in await bucket.keys():
        if key.startswith("owner."):
            entry = await bucket.get(key)
            found[key.split(".")[1]][json.loads(entry.value or b"")["node"] or ""] += 1
    return found


async def spread_over(bare: Bare, nodes: int) -> None:
    """Wait until each kind's partitions are spread evenly over so many nodes."""

    def even(found: dict[str, Counter[str]]) -> bool:
        return all(
            len(share) == nodes and "" not in share and max(share.values()) - min(share.values()) <= 1
            for share in found.values()
        )

    await until(lambda: shares(bare), even, limit=30)


@pytest.mark.slow
async def test_workers_come_and_go_under_plain_requests_and_none_fails(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    stalls: list[tuple[str, float, float]] = []
    async with (
        Cluster(tmp_path, workers=2, app="natya_actors") as cluster,
        bare_client(cluster.nats.url) as bare,
        asyncio.TaskGroup() as tasks,
    ):
        requests = Requests(bare)
        for caller in range(CALLERS):
            tasks.create_task(requests.make(caller))
        await requests.some(400)
        stalls.append(("quiet", 0.0, loop.time()))
        third = cluster.new_worker("worker-3")
        cluster.workers.append(third)
        await third.start()
        await spread_over(bare, 3)
        await requests.some()
        stalls.append(("added", stalls[-1][2], loop.time()))
        for worker in list(cluster.workers):
            await worker.stop()
            await spread_over(bare, 2)
            await requests.some()
            await worker.start()
            await spread_over(bare, 3)
            await requests.some()
            stalls.append((f"{worker.name} drained and started", stalls[-1][2], loop.time()))
        requests.stop = True
    for what, begin, end in stalls:
        longest = max(wait for began, wait in requests.waits if begin <= began < end)
        print(
            f"{what}: the longest of {sum(begin <= began < end for began, _ in requests.waits)} took {longest * 1000:.0f} ms"
        )
    assert requests.failed == []


@pytest.mark.slow
async def test_what_plain_requests_deposited_across_hand_overs_is_there_once(tmp_path: Path) -> None:
    async with Cluster(tmp_path, workers=2, app="natya_actors") as cluster, bare_client(cluster.nats.url) as bare:
        requests = Requests(bare)
        async with asyncio.TaskGroup() as tasks:
            for caller in range(CALLERS):
                tasks.create_task(requests.make(caller))
            for worker in cluster.workers:
                await requests.some(100)
                await worker.stop()
                await worker.start()
            await requests.some(100)
            requests.stop = True
        assert requests.failed == []
        balances = {key: (await bare.insist("account", key, "balance")).result["balance"] for key in requests.done}
        assert balances == dict(requests.done)
