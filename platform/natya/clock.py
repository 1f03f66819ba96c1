"""Time and chance as things that are handed in, so that tests and simulation can own them."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable
from typing import Protocol, TypeVar

T = TypeVar("T")

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


class Clock(Protocol):
    """Where time comes from. Nothing in the runtime asks the operating system or the loop for it."""

    def now_ms(self) -> int:
        """Wall-clock time, milliseconds since the epoch: for deadlines and ids, which other machines read."""
        ...

    def boottime(self) -> float:
        """Seconds on a clock that never goes back and counts suspend: for leases and intervals."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    async def wait_for(self, awaitable: Awaitable[T], seconds: float) -> T:
        """Await for at most ``seconds``. Raises `TimeoutError`; what was awaited is cancelled then."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def boottime(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def wait_for(self, awaitable: Awaitable[T], seconds: float) -> T:
        # Not asyncio.wait_for: before Python 3.12 it forgets a cancellation that comes together with the result.
        async with asyncio.timeout(seconds):
            return await awaitable


class Ids(Protocol):
    """Where ids and jitter come from."""

    def new(self) -> str:
        """An id that nobody else has: text of letters, digits and ``-``."""
        ...

    def jitter(self) -> float:
        """A number in [0, 1)."""
        ...


class RandomIds:
    """A random prefix for each process and a counter behind it: unique, short and cheap (0.2 µs)."""

    def __init__(self) -> None:
        self._prefix = "".join(secrets.choice(_ALPHABET) for _ in range(14))
        self._count = 0

    def new(self) -> str:
        self._count += 1
        return f"{self._prefix}-{self._count:x}"

    def jitter(self) -> float:
        return secrets.randbelow(1 << 30) / (1 << 30)
