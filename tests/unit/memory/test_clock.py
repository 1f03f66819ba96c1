"""A clock that moves only when told, and ids from a seed."""

from __future__ import annotations

import asyncio

import pytest
import uvloop

from natya.clock import Clock, Ids
from natya.memory import ManualClock, SeededIds


async def test_it_is_a_clock() -> None:
    clock: Clock = ManualClock(start_ms=1_000)
    assert (clock.now_ms(), clock.boottime()) == (1_000, 0.0)


async def test_time_stands_still_until_it_is_advanced() -> None:
    clock = ManualClock(start_ms=1_000)
    sleeper = asyncio.create_task(clock.sleep(1.5))
    await clock.settle()
    assert not sleeper.done()
    await clock.advance(1.499)
    assert not sleeper.done()
    await clock.advance(0.001)
    assert sleeper.done()
    assert (clock.now_ms(), clock.boottime()) == (2_500, 1.5)


async def test_sleepers_wake_in_the_order_of_their_time_each_at_its_own() -> None:
    clock = ManualClock()
    woken: list[tuple[str, float]] = []

    async def sleep(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.boottime()))

    async with asyncio.TaskGroup() as group:
        for name, seconds in (("c", 3), ("a", 1), ("b", 2), ("a again", 1)):
            group.create_task(sleep(name, seconds))
        await clock.advance(10)
    assert woken == [("a", 1), ("a again", 1), ("b", 2), ("c", 3)]
    assert clock.boottime() == 10


async def test_what_a_sleeper_starts_runs_before_the_next_one_wakes() -> None:
    clock = ManualClock()
    seen: list[str] = []

    async def first() -> None:
        await clock.sleep(1)
        for _ in range(50):
            await asyncio.sleep(0)
        seen.append("first")
        await clock.sleep(0.5)
        seen.append("first, slept again")

    async def second() -> None:
        await clock.sleep(2)
        seen.append("second")

    async with asyncio.TaskGroup() as group:
        group.create_task(first())
        group.create_task(second())
        await clock.advance(2)
    assert seen == ["first", "first, slept again", "second"]


async def test_waiting_ends_with_the_result_or_at_its_time() -> None:
    clock = ManualClock()

    async def soon() -> str:
        await clock.sleep(1)
        return "done"

    in_time = asyncio.create_task(clock.wait_for(soon(), 2))
    never = asyncio.get_running_loop().create_future()
    too_late = asyncio.create_task(clock.wait_for(never, 2))
    await clock.advance(1.5)
    assert await in_time == "done"
    assert not too_late.done()
    await clock.advance(1)
    with pytest.raises(TimeoutError):
        await too_late
    assert never.cancelled()


async def test_waiting_no_time_at_all_gives_up_what_is_not_there() -> None:
    clock = ManualClock()
    with pytest.raises(TimeoutError):
        await clock.wait_for(asyncio.get_running_loop().create_future(), 0)


async def test_cancelling_goes_through() -> None:
    clock = ManualClock()
    tasks = [asyncio.create_task(clock.sleep(5)), asyncio.create_task(clock.wait_for(clock.sleep(5), 9))]
    await clock.settle()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all(task.cancelled() for task in tasks)
    await clock.advance(10)


async def test_only_one_task_moves_the_clock() -> None:
    clock = ManualClock()
    advancing = asyncio.create_task(clock.advance(1))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="already"):
        await clock.advance(1)
    await advancing


async def test_a_task_that_spins_is_named_as_the_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("natya.memory.clock.MOST_ROUNDS", 100)

    async def spin() -> None:
        while True:
            await asyncio.sleep(0)

    spinning = asyncio.create_task(spin())
    with pytest.raises(RuntimeError, match="spins"):
        await ManualClock().settle()
    spinning.cancel()
    await asyncio.gather(spinning, return_exceptions=True)


def test_it_works_on_a_loop_that_does_not_show_what_is_ready() -> None:
    async def story() -> list[float]:
        clock = ManualClock()
        woken: list[float] = []

        async def sleep_twice() -> None:
            for _ in range(2):
                await clock.sleep(1)
                await clock.wait_for(asyncio.sleep(0), 5)
                woken.append(clock.boottime())

        async with asyncio.TaskGroup() as group:
            group.create_task(sleep_twice())
            await clock.advance(3)
        return woken

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert not hasattr(runner.get_loop(), "_ready")
        assert runner.run(story()) == [1, 2]


def test_the_same_seed_gives_the_same_and_another_seed_other_ids() -> None:
    one, same, other = SeededIds(1), SeededIds(1), SeededIds(2)
    ids = [one.new() for _ in range(5)]
    chances = [one.jitter() for _ in range(5)]
    assert [same.new() for _ in range(5)] == ids
    assert [same.jitter() for _ in range(5)] == chances
    assert not set(ids) & {other.new() for _ in range(5)}
    assert all(0 <= chance < 1 for chance in chances)
    typed: Ids = one
    assert len({typed.new() for _ in range(1000)}) == 1000
