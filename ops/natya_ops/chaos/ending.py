"""SIGTERM ends a run as Ctrl-C does: everything that was started is ended, everything that was mounted is given back.

**Failure.** A cancellation can be lost on its way: nats-py swallows one while it flushes or connects, and before Python 3.12 so does a wait
that ends at the same moment. Then the run would go on. So it is cancelled again, but only when cleaning up must long be over, for a
second cancellation breaks that off.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

AGAIN: Final = 40.0
"""Seconds until the next cancellation: more than a drain may take that had begun."""


class Terminated(Exception):
    """SIGTERM came, and everything has been cleaned up."""


async def until_terminated(work: Coroutine[Any, Any, T], *, again: float = AGAIN) -> T:
    """What ``work`` returns. SIGTERM cancels it, and ``again`` seconds later once more if it has not ended; when it has, whatever came of
    it, `Terminated` is raised."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(work, name="until SIGTERM")
    came = cancelled = False

    def cancel() -> None:
        nonlocal cancelled
        if not cancelled:  # a second time would break off the cleaning up
            cancelled = True
            insist()

    def insist() -> None:
        if not task.done():
            task.cancel()
            loop.call_later(again, insist)

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
