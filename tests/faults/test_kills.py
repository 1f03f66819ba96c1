"""Kill -9 at random moments: every acknowledged effect is there exactly once, and callers see latency, not errors."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

import pytest

from natya_ops.up.programs import Worker
from support.bare_client import Bare, bare_client
from support.cluster import Cluster
from support.load import Load, chance, check_journals
from support.waiting import until

SHORT_LEASES = {"NATYA_LEASE_TTL": "1", "NATYA_LEASE_MARGIN": "0.3", "NATYA_RENEW_EVERY": "0.3"}
"""So that there is a take-over about every second."""


class Mayhem:
    """Kills processes of a cluster and starts them again. Workers come back on their own time, meanwhile others are killed."""

    def __init__(self, cluster: Cluster, random: Random, restarts: asyncio.TaskGroup) -> None:
        self._cluster = cluster
        self._random = random
        self._restarts = restarts
        self._down: set[Worker] = set()
        self.kills = 0

    async def worker(self) -> None:
        running = [worker for worker in self._cluster.workers if worker not in self._down]
        if running:
            await self._kill(self._random.choice(running))

    async def all_workers(self) -> None:
        await asyncio.gather(*(self._kill(worker) for worker in self._cluster.workers if worker not in self._down))

    async def nats(self) -> None:
        self.kills += 1
        await self._cluster.nats.kill()
        await asyncio.sleep(self._random.uniform(0, 1.5))
        await self._cluster.nats.start()

    async def store(self) -> None:
        self.kills += 1
        await self._cluster.store.kill()
        await asyncio.sleep(self._random.uniform(0, 1.5))
        await self._cluster.store.start()

    async def _kill(self, worker: Worker) -> None:
        self.kills += 1
        self._down.add(worker)
        await worker.kill()
        self._restarts.create_task(self._restart(worker, self._random.uniform(0, 1)))

    async def _restart(self, worker: Worker, pause: float) -> None:
        await asyncio.sleep(pause)
        await worker.start()
        self._down.remove(worker)


ENDS = {"done", "refused", "returned"}
Fault = Callable[[Mayhem], Awaitable[None]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("faults", "environment", "seconds"),
    [
        ([Mayhem.worker, Mayhem.worker, Mayhem.worker, Mayhem.all_workers], SHORT_LEASES, 14.0),
        ([Mayhem.nats], SHORT_LEASES, 10.0),
        ([Mayhem.store], {}, 8.0),
        ([Mayhem.worker, Mayhem.nats, Mayhem.store], {}, 20.0),
    ],
    ids=["workers", "nats", "store", "everything"],
)
async def test_what_was_acknowledged_is_done_exactly_once_whatever_is_killed(
    tmp_path: Path, faults: list[Fault], environment: dict[str, str], seconds: float
) -> None:
    random = chance(int(os.environ.get("NATYA_TEST_SEED", secrets.randbelow(1 << 32))))
    loop = asyncio.get_running_loop()
    async with (
        Cluster(tmp_path, workers=3, environment=environment) as cluster,
        bare_client(cluster.nats.url) as bare,
        Load(bare, "kill") as load,
    ):
        await load.progress()
        async with asyncio.TaskGroup() as restarts:
            mayhem = Mayhem(cluster, random, restarts)
            end = loop.time() + seconds
            while loop.time() < end:
                await random.choice(faults)(mayhem)
                await asyncio.sleep(random.uniform(0, 2))
        await load.progress()
        await load.finish()
        print(f"{mayhem.kills} kills; {load}")
        await load.check()


async def replay(bare: Bare) -> None:
    """What an operator does with dead letters. Whoever hits the same message three times in a row, and nothing else, makes it look like
    a killer: it is given up, not lost."""
    replayed = 0
    while True:
        for stored in (await bare.stored("natya_dead"))[replayed:]:
            dead = json.loads(stored.data or b"")
            assert dead["error"]["code"] == "internal", dead
            await bare.insist_on_telling(
                dead["kind"], dead["key"], dead["method"], dead["body"].encode(), id=f"again{replayed}"
            )
            replayed += 1
        await asyncio.sleep(1)


@pytest.mark.slow
async def test_transfers_neither_lose_nor_make_money_whatever_is_killed(tmp_path: Path) -> None:
    """Each is a chain of turns that tell themselves on and ask two accounts: whichever dies, they end, and the total stays."""
    random = chance(int(os.environ.get("NATYA_TEST_SEED", secrets.randbelow(1 << 32))))
    accounts = [f"a{number}" for number in range(6)]
    transfers = 60

    async def phase(bare: Bare, number: int) -> str:
        found: str = (await bare.insist("transfer", f"t{number}", "status")).result["phase"]
        return found

    async def begin(bare: Bare) -> None:
        for number in range(transfers):
            source, target = random.sample(accounts, 2)
            body = {"source": source, "target": target, "amount": random.randint(1, 80)}
            assert (await bare.insist("transfer", f"t{number}", "start", body)).code == 0
            await asyncio.sleep(random.uniform(0, 0.3))

    async with (
        Cluster(tmp_path, workers=3, environment=SHORT_LEASES) as cluster,
        bare_client(cluster.nats.url) as bare,
    ):
        for account in accounts:
            assert (await bare.insist("account", account, "deposit", {"amount": 100})).code == 0
        async with asyncio.TaskGroup() as tasks:
            beginning = tasks.create_task(begin(bare))
            mayhem = Mayhem(cluster, random, tasks)
            while not beginning.done():
                await random.choice([mayhem.worker, mayhem.worker, mayhem.nats])()
                await asyncio.sleep(random.uniform(0, 1))
        replaying = asyncio.create_task(replay(bare))
        ends = [
            await until(lambda number=number: phase(bare, number), lambda found: found in ENDS, limit=90)  # type: ignore[misc]
            for number in range(transfers)
        ]
        assert not replaying.done(), replaying.exception()
        replaying.cancel()
        balances = [(await bare.insist("account", account, "balance")).result["balance"] for account in accounts]
        given_up = len(await bare.stored("natya_dead"))
        print(f"{mayhem.kills} kills; {Counter(ends)}; {balances}; {given_up} replayed")
        assert given_up <= transfers / 20
        assert "done" in ends
        assert sum(balances) == 100 * len(accounts)
        assert min(balances) >= 0
        for kind in ("transfer", "account"):
            await check_journals(bare, kind, 16)
