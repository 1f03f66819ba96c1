"""Messages that end the very process that runs them, or hold its loop until its lease is over: each is stopped after three,
whatever ran beside it takes effect once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from natya.errors import ConfigurationError
from natya_ops.up.programs import Worker
from support.bare_client import Bare, Reply, bare_client
from support.cluster import Cluster
from support.waiting import until

APPLICATION = "support.deadly_actors"
KEYS = [f"k{number}" for number in range(12)]


class Supervised:
    """A cluster whose workers are started again whenever they end. ``ends`` are their exit codes."""

    def __init__(self, cluster: Cluster, runs: Path) -> None:
        self.cluster = cluster
        self._runs = runs
        self.ends: list[int] = []

    def runs(self, line: str) -> list[int]:
        """The processes in which a handler has begun with this line."""
        if not self._runs.exists():
            return []
        found = [entry.split(" ", 1) for entry in self._runs.read_text().splitlines()]
        return [int(pid) for pid, noted in found if noted == line]

    async def keep(self, worker: Worker) -> None:
        while True:
            self.ends.append(await worker.wait())
            try:
                await worker.start()
            except ConfigurationError:
                continue  # it was killed before it was ready

    def log(self, event: str) -> list[str]:
        """What the workers have logged of this event."""
        return [line for w in self.cluster.workers for line in w.log.read_text().splitlines() if f'"{event}"' in line]


@asynccontextmanager
async def supervised(folder: Path, *, workers: int = 3) -> AsyncIterator[tuple[Supervised, Bare]]:
    runs = folder / "runs"
    async with (
        Cluster(folder, workers=workers, app=APPLICATION, environment={"DEADLY_RUNS": str(runs)}) as cluster,
        bare_client(cluster.nats.url) as bare,
    ):
        found = Supervised(cluster, runs)
        keepers = [asyncio.create_task(found.keep(worker)) for worker in cluster.workers]
        try:
            yield found, bare
        finally:
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)


async def dead_letters(bare: Bare) -> list[dict[str, object]]:
    return [json.loads(stored.data or b"") for stored in await bare.stored("natya_dead")]


async def lines(bare: Bare, kind: str, key: str) -> list[str]:
    reply = await bare.insist(kind, key, "read")
    assert isinstance(reply.result, list)
    return reply.result


async def innocents(bare: Bare, name: str) -> list[asyncio.Task[Reply]]:
    """Tells and asks that take long enough to be running when the killer kills."""
    for key in KEYS:
        await bare.tell("mortal", key, "write", {"line": f"{name} told", "seconds": 0.01})
        await bare.tell("bystander", key, "write", {"line": f"{name} told", "seconds": 0.01})
    asked = {"line": f"{name} asked", "seconds": 0.01}
    return [asyncio.create_task(bare.insist(kind, key, "write", asked)) for kind in ("mortal", "bystander") for key in KEYS]


async def all_there(bare: Bare, kind: str, key: str, number: int) -> list[str]:
    """So many lines, when they are there, sorted."""

    found = await until(partial(lines, bare, kind, key), lambda found: len(found) >= number)
    return sorted(found)


async def all_done(bare: Bare, names: list[str]) -> None:
    """Every line of the innocents is there once."""
    expected = sorted(f"{name} {how}" for name in names for how in ("told", "asked"))
    for kind in ("mortal", "bystander"):
        for key in KEYS:
            assert await all_there(bare, kind, key, len(expected)) == expected


@pytest.mark.slow
async def test_a_tell_that_kills_its_process_ends_three_of_them_and_nobody_suffers_for_it(tmp_path: Path) -> None:
    async with supervised(tmp_path) as (platform, bare):
        before = await innocents(bare, "before")
        await bare.tell("mortal", "killer", "write", {"line": "ahead"})
        await bare.tell("mortal", "killer", "die", {"line": "deadly"})
        await bare.tell("mortal", "killer", "write", {"line": "behind"})
        on_top = asyncio.create_task(bare.insist("mortal", "killer", "write", {"line": "on top"}))
        beside = await innocents(bare, "beside")
        (dead,) = await until(lambda: dead_letters(bare), limit=60)
        assert (dead["key"], dead["method"], dead["attempts"]) == ("killer", "die", 3)
        for reply in await asyncio.gather(*before, *beside, on_top):
            assert reply.result
        await all_done(bare, ["before", "beside"])
        assert await all_there(bare, "mortal", "killer", 3) == ["ahead", "behind", "on top"]
        assert len(platform.runs("deadly")) == len(set(platform.runs("deadly"))) == 3
        assert platform.ends == [-9] * 3
        assert len(await dead_letters(bare)) == 1


@pytest.mark.slow
async def test_an_ask_that_kills_its_process_is_answered_after_three_of_them(tmp_path: Path) -> None:
    async with supervised(tmp_path) as (platform, bare):
        beside = await innocents(bare, "beside")
        reply = await bare.insist("mortal", "killer", "die", {"line": "deadly"}, id="once")
        assert reply.outcome == (500, "internal")
        assert reply.json["attempts"] == 3
        for answer in await asyncio.gather(*beside):
            assert answer.result
        await all_done(bare, ["beside"])
        (dead,) = await until(lambda: dead_letters(bare), limit=10)
        assert (dead["key"], dead["attempts"]) == ("killer", 3)
        assert len(platform.runs("deadly")) == 3
        assert await lines(bare, "mortal", "killer") == []


@pytest.mark.slow
async def test_a_handler_that_blocks_its_loop_past_the_lease_is_named_and_stopped_after_three_nodes(tmp_path: Path) -> None:
    """Three nodes are held at the same time; the fourth judges. (A node that wakes before anybody has taken over may commit.)"""
    async with supervised(tmp_path, workers=4) as (platform, bare):
        blocked = asyncio.create_task(bare.insist("mortal", "killer", "block", {"line": "held", "seconds": 10}, seconds=120))
        await until(lambda: asyncio.to_thread(platform.runs, "held"))
        for number, key in enumerate(KEYS):
            answer = await bare.insist("bystander", key, "write", {"line": f"{number}"}, seconds=60)
            assert answer.result == 1
        reply = await blocked
        assert reply.outcome == (500, "internal")
        assert reply.json["attempts"] == 3
        assert len(platform.runs("held")) == 3
        assert platform.ends == [], "no process has ended"
        assert any("block" in line and "deadly_actors" in line for line in platform.log("loop_blocked"))
        await until(lambda: asyncio.to_thread(platform.log, "lease_lost"), lambda lost: len(lost) == 3)
        assert await lines(bare, "mortal", "killer") == []
