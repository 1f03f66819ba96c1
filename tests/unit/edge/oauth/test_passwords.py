"""Hashes of passwords: equal work, bounded, and never on the loop."""

from __future__ import annotations

import asyncio
import statistics
import time

import pytest
from argon2 import Parameters, extract_parameters

from natya.errors import Overloaded
from natya_edge.oauth.passwords import COST, Passwords
from support.oauth import CHEAP


async def test_a_hash_is_of_its_password_alone_and_salted() -> None:
    async with Passwords(cost=CHEAP) as passwords:
        one, other = await passwords.hash("correct horse"), await passwords.hash("correct horse")
        assert one != other
        assert one.startswith("$argon2id$")
        assert await passwords.check(one, "correct horse")
        assert not await passwords.check(one, "correct Horse")
        assert not await passwords.check(None, "correct horse")
        assert not await passwords.check("damaged", "correct horse")


def test_a_hash_costs_at_least_what_owasp_recommends() -> None:
    assert (COST.memory_cost, COST.time_cost, COST.parallelism) >= (19 << 10, 2, 1)


async def test_the_hash_of_nobody_costs_what_a_user_s_costs() -> None:
    for cost in (CHEAP, COST):
        async with Passwords(cost=cost) as passwords:
            nobody = passwords._nobody
            assert extract_parameters(nobody) == extract_parameters(await passwords.hash("x")) == cost
            before = passwords.statistics.computed
            await passwords.check(None, "x")
            assert passwords.statistics.computed == before + 1


async def test_checking_takes_as_long_for_a_user_who_is_not_there() -> None:
    cost = Parameters(CHEAP.type, 19, 16, 32, time_cost=2, memory_cost=2_048, parallelism=1)
    async with Passwords(cost=cost) as passwords:
        hash = await passwords.hash("right")
        taken: dict[str | None, list[float]] = {hash: [], None: []}
        for _ in range(40):  # in turn, so that what else the machine does hurts both alike
            for of, times in taken.items():
                began = time.perf_counter()
                await passwords.check(of, "wrong")
                times.append(time.perf_counter() - began)
        there, absent = (statistics.median(times) for times in taken.values())
        assert 0.5 < there / absent < 2.0


async def test_a_hash_of_another_cost_is_outdated() -> None:
    async with Passwords(cost=CHEAP) as old, Passwords(cost=COST) as new:
        hash = await old.hash("x")
        assert new.outdated(hash)
        assert not old.outdated(hash)
        assert await new.check(hash, "x")


async def test_beyond_workers_and_queue_a_check_is_refused_at_once_and_the_loop_goes_on() -> None:
    slow = Parameters(CHEAP.type, 19, 16, 32, time_cost=60, memory_cost=2_048, parallelism=1)
    async with Passwords(workers=1, queue=2, cost=slow) as passwords:
        running = [asyncio.create_task(passwords.check(None, "x")) for _ in range(3)]
        await asyncio.sleep(0)
        began = time.perf_counter()
        with pytest.raises(Overloaded) as refused:
            await passwords.check(None, "x")
        assert time.perf_counter() - began < 0.05
        assert refused.value.retry_after
        assert passwords.statistics.pending == 3
        rounds = 0
        while not all(task.done() for task in running):
            await asyncio.sleep(0)
            rounds += 1
        assert rounds > 100
        assert [await task for task in running] == [False] * 3
        assert passwords.statistics.pending == 0
        assert passwords.statistics.refused == 1


async def test_a_check_that_is_given_up_still_takes_its_place_until_it_has_ended() -> None:
    slow = Parameters(CHEAP.type, 19, 16, 32, time_cost=60, memory_cost=2_048, parallelism=1)
    async with Passwords(workers=1, queue=0, cost=slow) as passwords:
        given_up = asyncio.create_task(passwords.check(None, "x"))
        await asyncio.sleep(0)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        with pytest.raises(Overloaded):
            await passwords.check(None, "x")


async def test_it_is_entered_once() -> None:
    passwords = Passwords(cost=CHEAP)
    with pytest.raises(RuntimeError):
        await passwords.hash("x")
    async with passwords:
        with pytest.raises(RuntimeError):
            await passwords.__aenter__()
