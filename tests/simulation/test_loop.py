"""The loop: time that jumps, processes that are stopped and killed, and an order that only the seed decides."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from simulation.loop import NothingToDo, SimulationLoop
from simulation.process import Process, State


@pytest.fixture
def loop() -> Iterator[SimulationLoop]:
    loop = SimulationLoop(Random(1), Process("server"))
    yield loop
    loop.close()


def start(loop: SimulationLoop, process: Process, work: Coroutine[Any, Any, None]) -> asyncio.Task[Any]:
    return loop.create_task(work, context=process.context.copy())


async def note(heard: list[str], what: str, seconds: float = 0.0, times: int = 1) -> None:
    for number in range(times):
        await asyncio.sleep(seconds)
        heard.append(f"{what}{number}")


def test_time_jumps_to_the_next_timer(loop: SimulationLoop) -> None:
    heard: list[str] = []
    loop.run_until_complete(note(heard, "hour", 3600.0 / 10, 1))
    assert (loop.time(), heard) == (360.0, ["hour0"])


def test_one_process_keeps_its_order_and_two_are_mixed(loop: SimulationLoop) -> None:
    heard: list[str] = []
    tasks = [start(loop, process, note(heard, process.name, times=20)) for process in (Process("a"), Process("b"))]
    loop.run_until_complete(asyncio.wait(tasks))
    for name in "ab":
        assert [each for each in heard if each[0] == name] == [f"{name}{number}" for number in range(20)]
    turns = sum(before[0] != after[0] for before, after in pairwise(heard))
    assert 5 < turns < 39, "neither one after the other nor in turn"


def test_a_stopped_process_goes_on_where_it_was_and_its_time_has_passed(loop: SimulationLoop) -> None:
    heard: list[str] = []
    process = Process("frozen")
    task = start(loop, process, note(heard, "f", 1.0, 3))
    loop.run_until_complete(asyncio.sleep(1.5))
    process.state = State.STOPPED
    loop.run_until_complete(asyncio.sleep(10))
    assert heard == ["f0"]
    loop.resume(process)
    loop.run_until_complete(task)
    assert (heard, loop.time()) == (["f0", "f1", "f2"], 12.5)


def test_a_process_dies_between_two_steps(loop: SimulationLoop) -> None:
    heard: list[str] = []
    process = Process("doomed")

    def die() -> None:
        process.state = State.DEAD

    task = start(loop, process, note(heard, "d", 0.0, 100))
    process.doom(10, die)
    loop.run_until_complete(asyncio.sleep(5))
    assert 0 < len(heard) < 11
    task.cancel()
    loop.resume(process)
    loop.run_until_complete(asyncio.wait([task]))


def test_who_waits_for_ever_is_named(loop: SimulationLoop) -> None:
    waiting = loop.create_task(asyncio.Event().wait())
    with pytest.raises(NothingToDo, match="nothing is ready"):
        loop.run_until_complete(waiting)
    waiting.cancel()
    loop.run_until_complete(asyncio.wait([waiting]))


def test_sets_of_tasks_have_an_order(loop: SimulationLoop) -> None:
    async def number() -> None:
        pass

    tasks = [loop.create_task(number()) for _ in range(50)]
    assert list(set(tasks)) == tasks, "they are hashed by a number that grows"
    loop.run_until_complete(asyncio.wait(tasks))
