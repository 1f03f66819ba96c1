"""`natya.runtime.gate`: a few appends at a time, the fullest partition first."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from natya.memory import ManualClock
from natya.runtime.gate import Gate


@dataclass
class Partition:
    waiting: int


async def passed(gate: Gate, who: Partition, order: list[Partition], until: asyncio.Event) -> None:
    await gate.enter(who)
    try:
        order.append(who)
        await until.wait()
    finally:
        gate.leave()


async def test_of_those_that_wait_the_fullest_goes_first() -> None:
    gate, clock, order, until = Gate(2, 1000), ManualClock(), list[Partition](), asyncio.Event()
    several = [Partition(n) for n in (1, 1, 3, 9, 5)]
    async with asyncio.TaskGroup() as tasks:
        for who in several:
            tasks.create_task(passed(gate, who, order, until))
        await clock.settle()
        assert order == several[:2]
        until.set()
    assert [who.waiting for who in order] == [1, 1, 9, 5, 3]


async def test_who_stops_waiting_takes_no_place_with_it() -> None:
    gate, clock, order, until = Gate(1, 1000), ManualClock(), list[Partition](), asyncio.Event()
    first, second, third = (asyncio.create_task(passed(gate, Partition(n), order, until)) for n in (1, 9, 2))
    await clock.settle()
    second.cancel()
    await clock.settle()
    until.set()
    await asyncio.gather(first, third)
    assert [who.waiting for who in order] == [1, 2]
    late = asyncio.create_task(passed(gate, Partition(7), order, until))
    await clock.settle()
    assert late.done()


async def test_who_is_cancelled_in_the_moment_it_is_admitted_gives_its_place_back() -> None:
    gate, clock, order, until = Gate(1, 1000), ManualClock(), list[Partition](), asyncio.Event()
    await gate.enter(Partition(1))
    waiting = asyncio.create_task(passed(gate, Partition(2), order, until))
    await clock.settle()
    gate.leave()
    waiting.cancel()
    await asyncio.wait({waiting})
    until.set()
    await passed(gate, Partition(3), order, until)
    assert [who.waiting for who in order] == [3]
