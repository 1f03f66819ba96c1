"""Short tasks that somebody owns: started one by one, and awaited at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from natya.clock import Clock


class Tasks:
    """The requests under way. `finish` ends it; an error in a task is a bug and comes out there or is told to the loop."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def finish(self, clock: Clock, seconds: float) -> None:
        """Wait for what runs, at most so long; cancel and await the rest."""
        if self._running and seconds > 0:
            with suppress(TimeoutError):
                await clock.wait_for(asyncio.wait(self._running), seconds)
        rest = list(self._running)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
