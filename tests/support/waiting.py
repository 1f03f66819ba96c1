"""Waiting for what another process does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(probe: Callable[[], Awaitable[T]], accept: Callable[[T], object] = bool, *, limit: float = 30.0) -> T:
    """Ask ``probe`` again and again until its answer is accepted, and return it; fail after ``limit`` seconds with the last."""
    loop = asyncio.get_running_loop()
    end = loop.time() + limit
    while True:
        answer = await probe()
        if accept(answer):
            return answer
        assert loop.time() < end, f"not within {limit:g} s; the last answer was {answer!r}"
        await asyncio.sleep(0.02)
