"""A single NATS server that ends and comes back: everything goes on by itself within two seconds of its return."""

from __future__ import annotations

import asyncio
import signal
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from nats.errors import Error

from support.bare_client import Bare, bare_client, first_attempt, new_id
from support.cluster import Cluster
from support.load import PARTITIONS, Load
from support.waiting import until

PAUSES = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Seconds that the server is away: the longest is longer than a lease."""

LIMIT = 2.0
KEYS = [f"k{number}" for number in range(2 * PARTITIONS)]


async def answered(bare: Bare, key: str, method: str, parameters: dict[str, str] | None = None) -> Any:
    """Ask as the protocol says, again every quarter of a second: a patient caller would measure its own patience."""
    headers = first_attempt()
    for attempt in count(1):
        headers["Natya-Attempt"] = str(attempt)
        try:
            reply = await bare.ask("ledger", key, method, parameters or b"", headers, timeout=0.25)
        except Error:
            await asyncio.sleep(0.01)
        else:
            if reply.code != 503:
                return reply.result
            await asyncio.sleep(0.01)
    raise AssertionError


async def asks(bare: Bare) -> None:
    await asyncio.gather(*(answered(bare, key, "enter", {"entry": new_id()}) for key in KEYS))


async def queries(bare: Bare) -> None:
    await asyncio.gather(*(answered(bare, key, "entries") for key in KEYS))


async def tells(bare: Bare) -> None:
    """Told, and done."""
    entry = new_id()

    async def tell(key: str) -> None:
        await bare.insist_on_telling("ledger", key, "enter", {"entry": entry}, id=entry)
        await until(lambda: answered(bare, key, "entries"), lambda found: entry in found)

    await asyncio.gather(*(tell(key) for key in KEYS))


@pytest.mark.slow
async def test_everything_goes_on_within_two_seconds_of_the_servers_return(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    taken: dict[str, list[float]] = {"asks": [], "queries": [], "tells": []}
    async with (
        Cluster(tmp_path, workers=3) as cluster,
        bare_client(cluster.nats.url) as bare,
        Load(bare, "restart", pause=0.1) as load,
    ):
        await load.progress()
        for end in (signal.SIGTERM, signal.SIGKILL):
            for pause in PAUSES:
                cluster.nats.process.signal(end)
                await cluster.nats.wait()
                await asyncio.sleep(pause)
                await cluster.nats.start()
                back = loop.time()

                async def since(name: str, work: asyncio.Task[None], back: float = back) -> None:
                    await work
                    taken[name].append(loop.time() - back)

                await asyncio.gather(
                    *(since(work.__name__, asyncio.create_task(work(bare))) for work in (asks, queries, tells))
                )
                await load.progress()
        await load.finish()
        print(load)
        for name, times in taken.items():
            print(f"{name}: p50 {median(times):.2f} s, max {max(times):.2f} s after {len(times)} restarts")
        await load.check()
    assert max(map(max, taken.values())) < LIMIT, taken
