"""`natya_ops.chaos.ending`: SIGTERM ends a run, also one that loses its cancellation."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

import pytest

from natya_ops.chaos.ending import Terminated, until_terminated


async def test_what_ends_by_itself_gives_its_result() -> None:
    async def work() -> int:
        return 5

    assert await until_terminated(work()) == 5


async def test_sigterm_ends_it_once_everything_is_cleaned_up() -> None:
    cleaned = False

    async def work() -> None:
        nonlocal cleaned
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned = True

    with pytest.raises(Terminated):
        await until_terminated(work())
    assert cleaned


async def test_a_cancellation_that_is_lost_comes_again() -> None:
    lost = 0

    async def work() -> None:
        nonlocal lost
        os.kill(os.getpid(), signal.SIGTERM)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        lost += 1
        await asyncio.Event().wait()

    with pytest.raises(Terminated):
        await until_terminated(work(), again=0.01)
    assert lost == 1
