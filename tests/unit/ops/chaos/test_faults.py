"""The faults: what is drawn from a seed, what is possible where, and each of them on a platform that runs."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from natya.errors import ConfigurationError
from natya_ops.chaos.faults import DEFAULT, FAULTS
from natya_ops.chaos.faults.partition import draw_trouble
from natya_ops.chaos.ground import Ground, GroundOptions
from support.bare_client import Bare, bare_client
from support.waiting import until

ACCOUNTS = [f"a{number}" for number in range(16)]


def test_every_fault_has_a_name_and_a_summary_and_the_usual_ones_are_among_them() -> None:
    assert list(FAULTS) == ["kill", "stop", "drain", "partition", "nats", "store", "edge", "disk", "fsync"]
    assert {name: fault.name for name, fault in FAULTS.items()} == {name: name for name in FAULTS}
    assert all(fault.summary and "\n" not in fault.summary for fault in FAULTS.values())
    assert [name for name in FAULTS if name not in DEFAULT] == ["fsync"]


def test_a_seed_draws_the_same_trouble_again_and_all_kinds_come() -> None:
    drawn = [draw_trouble(Random(seed))[0] for seed in range(100)]
    assert drawn == [draw_trouble(Random(seed))[0] for seed in range(100)]
    kinds = Counter(" ".join(word for word in text.split() if not word[0].isdigit()) for text in drawn)
    assert len(kinds) == 7, kinds  # both directions of one way count


@asynccontextmanager
async def a_platform(folder: Path) -> AsyncIterator[tuple[Ground, Bare]]:
    options = GroundOptions(workers=2, data=folder, small_disk=128 if os.geteuid() == 0 else 0)
    async with Ground.start(options) as ground, bare_client(ground.nats) as bare:
        yield ground, bare


async def all_answer(bare: Bare, amount: int) -> set[int]:
    """Deposit in every account; the balances."""
    replies = await asyncio.gather(*[bare.insist("account", key, "deposit", {"amount": amount}) for key in ACCOUNTS])
    return {reply.result["balance"] for reply in replies}


@pytest.mark.slow
async def test_after_each_fault_everything_answers_and_nothing_is_lost(tmp_path: Path) -> None:
    """Each is done twice, with seeds that break in different ways, while deposits go on."""
    async with a_platform(tmp_path / "data") as (ground, bare):
        assert ground.own
        assert await ground.owner("account", 3) in ground.workers
        deposits = 0
        for seed, name in enumerate([*FAULTS, *FAULTS]):
            fault = FAULTS[name]
            if reason := fault.possible(ground):
                assert name == "fsync", f"{name}: {reason}"
                continue
            async with fault.strike(ground, Random(seed)) as target:
                print(f"{name}: {target}")
                during = asyncio.create_task(all_answer(bare, 1))
                await asyncio.wait([during], timeout=2)
            deposits += 2
            await during
            assert await all_answer(bare, 1) == {deposits}, name


@pytest.mark.slow
async def test_faults_that_overlap_are_each_healed(tmp_path: Path) -> None:
    async with a_platform(tmp_path / "data") as (ground, bare):
        for seed in range(3):
            all_broken = asyncio.Barrier(len(DEFAULT))

            async def strike(name: str, random: Random, all_broken: asyncio.Barrier = all_broken) -> None:
                async with FAULTS[name].strike(ground, random):
                    await all_broken.wait()

            async with asyncio.TaskGroup() as strikes:
                for name in DEFAULT:
                    strikes.create_task(strike(name, Random(seed)))
            assert await all_answer(bare, 1) == {seed + 1}

        async def running() -> int:
            found = ground.pids()
            return sum(pid > 0 for pid in (found["nats"], found["store"], *found["edge"], *found["workers"]))

        assert await until(running, lambda count: count == 5) == 5


@pytest.mark.slow
async def test_a_platform_that_is_joined_can_be_struck_by_what_needs_only_processes(tmp_path: Path) -> None:
    async with a_platform(tmp_path / "data") as (started, bare), Ground.join(tmp_path / "data") as joined:
        assert not joined.own
        assert (joined.nats, joined.store, joined.http) == (started.nats, started.store, started.http)
        assert joined.workers == started.workers == ("worker-1", "worker-2")
        assert joined.pids() == started.pids()
        impossible = [name for name in DEFAULT if FAULTS[name].possible(joined)]
        assert impossible == ["partition", "disk"]
        assert "only possible on a platform that natya chaos starts itself" in str(FAULTS["disk"].possible(joined))
        with pytest.raises(ConfigurationError, match="cutting off worker-1 is only possible"):
            joined.wires("worker-1")
        for count, name in enumerate(("kill", "stop", "nats"), 1):
            async with FAULTS[name].strike(joined, Random(1)):
                pass
            assert await all_answer(bare, 1) == {count}
