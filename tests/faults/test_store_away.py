"""The store is away: actors in memory go on, take-over works, others wait for it; when it is back everything is written."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from support.bare_client import Bare, bare_client, first_attempt, now
from support.cluster import Cluster
from support.waiting import until


def documents(url: str, kind: str) -> dict[str, Any]:
    """What any MongoDB tool sees of a kind."""
    with MongoClient[dict[str, Any]](url) as client:
        return {document["_id"]: document for document in client["natya"][kind].find()}


async def deposits(bare: Bare, number: int, amount: int) -> list[int]:
    replies = await asyncio.gather(
        *(bare.insist("account", f"resident-{n}", "deposit", {"amount": amount}) for n in range(number))
    )
    return [reply.result["balance"] for reply in replies]


@pytest.mark.slow
@pytest.mark.parametrize("stopped", [True, False], ids=["stopped", "killed"])
async def test_without_the_store_resident_actors_go_on_and_take_over_works(tmp_path: Path, stopped: bool) -> None:
    loop = asyncio.get_running_loop()
    async with Cluster(tmp_path, workers=2) as cluster, bare_client(cluster.nats.url) as bare:
        assert await deposits(bare, 20, 1) == [1] * 20
        assert (await bare.insist("account", "written", "deposit", {"amount": 7})).result == {"balance": 7}

        async def written() -> dict[str, Any]:
            return await asyncio.to_thread(documents, cluster.store.url, "account")

        await until(written, lambda found: len(found) == 21)
        if stopped:
            cluster.store.process.signal(signal.SIGSTOP)
        else:
            await cluster.store.kill()
        began = loop.time()
        for balance in range(2, 12):
            assert await deposits(bare, 20, 1) == [balance] * 20
        assert loop.time() - began < 10

        # An actor that nobody has in memory waits for the store, and its caller is told why.
        deadline = {"Natya-Deadline": str(now() + 1_500)}
        reply = await bare.ask("account", "stranger", "deposit", {"amount": 1}, first_attempt() | deadline)
        assert reply.outcome == (503, "unavailable")
        assert int(reply.headers["Retry-After"]) >= 1
        patient = asyncio.create_task(bare.insist("account", "patient", "deposit", {"amount": 5}, seconds=60))

        # Those that changed meanwhile are in the journal: a take-over needs nothing else.
        await cluster.workers[0].kill()
        assert await deposits(bare, 20, 1) == [12] * 20

        if stopped:
            cluster.store.process.signal(signal.SIGCONT)
        else:
            await cluster.store.start()
        assert (await patient).result == {"balance": 5}
        assert (await bare.insist("account", "written", "deposit", {"amount": 1})).result == {"balance": 8}
        found = await until(
            written, lambda found: all(found[f"resident-{n}"]["state"]["balance"] == 12 for n in range(20)), limit=40
        )
        assert "stranger" not in found
        await cluster.workers[0].start()
        assert await deposits(bare, 20, 1) == [13] * 20
