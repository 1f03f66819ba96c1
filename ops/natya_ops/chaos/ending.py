"""SIGTERM ends a run as Ctrl-C does: everything that was started is ended, everything that was mounted is given back."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Terminated(Exception):
    """SIGTERM came, and everything has been cleaned up."""


async def until_terminated(work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` returns. SIGTERM cancels it, once; when it has ended, whatever came of it, `Terminated` is raised."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(work, name="until SIGTERM")
    came = cancelled = False

    def cancel() -> None:
        nonlocal cancelled
        if not cancelled:  # a second time would break off the cleaning up
            cancelled = True
            task.cancel()

    def on_signal() -> None:
        nonlocal came
        came = True
        cancel()

    loop.add_signal_handler(signal.SIGTERM, on_signal)
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:  # Ctrl-C
        cancel()
        await asyncio.wait([task])
        raise
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
    if came:
        raise Terminated
    return task.result()
