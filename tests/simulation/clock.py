"""The clock of one simulated process, over the loop's virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from simulation.loop import SimulationLoop

T = TypeVar("T")

EPOCH_MS: Final = 1_700_000_000_000


class ProcessClock:
    """Implements `natya.clock.Clock`. Wall clocks differ between machines by ``skew`` seconds; ``boottime`` begins anywhere."""

    def __init__(self, loop: SimulationLoop, *, skew: float = 0.0, booted: float = 0.0) -> None:
        self._loop = loop
        self._start_ms = EPOCH_MS + round(skew * 1000)
        self._booted = booted

    def now_ms(self) -> int:
        return self._start_ms + int(self._loop.time() * 1000)

    def boottime(self) -> float:
        return self._booted + self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def wait_for(self, awaitable: Awaitable[T], seconds: float) -> T:
        async with asyncio.timeout(seconds):
            return await awaitable
