"""Time and chance that a test owns: a clock that moves only when told, and ids from a seed."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

T = TypeVar("T")

MOST_ROUNDS: Final = 100_000
"""A loop that has not come to rest after this many rounds never will."""

ROUNDS_UNSEEN: Final = 200
"""Rounds given to a loop that does not show whether something is ready (uvloop)."""


@dataclass(order=True, slots=True)
class _Timer:
    when: float
    number: int
    fire: Callable[[], object] | None = field(compare=False)


class ManualClock:
    """Implements `natya.clock.Clock`. Time stands still but for `advance`, which wakes sleepers in the order of their time
    and, at equal times, in the order in which they went to sleep.

    Only what waits on this clock is under its control: not ``asyncio.sleep``, nor sockets, nor threads.
    """

    def __init__(self, start_ms: int = 1_700_000_000_000) -> None:
        self._start_ms = start_ms
        self._now = 0.0
        self._count = 0
        self._timers: list[_Timer] = []
        self._advancing = False

    def now_ms(self) -> int:
        return self._start_ms + round(self._now * 1000)

    def boottime(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        timer = self._set(seconds, partial(woken.set_result, None))
        try:
            await woken
        finally:
            timer.fire = None

    async def wait_for(self, awaitable: Awaitable[T], seconds: float) -> T:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as limit:
            timer = self._set(max(seconds, 0.0), lambda: limit.reschedule(loop.time()))
            if seconds <= 0:
                limit.reschedule(loop.time())
            try:
                return await awaitable
            finally:
                timer.fire = None

    async def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass. Between two wake-ups, before the first and after the last, the loop comes to rest.

        Raises `RuntimeError` if somebody is advancing already, or if the loop does not come to rest.
        """
        if self._advancing:
            raise RuntimeError("the clock is being advanced already: only one task may do so")
        self._advancing = True
        try:
            end = self._now + seconds
            await self.settle()
            while self._timers and self._timers[0].when <= end:
                timer = heapq.heappop(self._timers)
                if timer.fire is None:
                    continue
                self._now = max(self._now, timer.when)
                timer.fire()
                await self.settle()
            self._now = end
        finally:
            self._advancing = False

    async def settle(self) -> None:
        """Run everything that is ready, and what that makes ready, until nothing is. No time passes."""
        ready = getattr(asyncio.get_running_loop(), "_ready", None)
        if ready is None:
            for _ in range(ROUNDS_UNSEEN):
                await asyncio.sleep(0)
            return
        for _ in range(MOST_ROUNDS):
            await asyncio.sleep(0)
            if not ready:  # this task ran as the last of its round, and the round made nothing ready
                return
        raise RuntimeError(f"the loop is still busy after {MOST_ROUNDS} rounds: a task spins without waiting")

    def _set(self, seconds: float, fire: Callable[[], object]) -> _Timer:
        self._count += 1
        timer = _Timer(self._now + seconds, self._count, fire)
        heapq.heappush(self._timers, timer)
        return timer


class SeededIds:
    """Implements `natya.clock.Ids`: the same seed gives the same ids and the same chances, two seeds never the same id."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._random = random.Random(seed)
        self._count = 0

    def new(self) -> str:
        self._count += 1
        return f"s{self._seed:x}-{self._count:x}"

    def jitter(self) -> float:
        return self._random.random()
