"""How many appends one node has in flight per journal stream.

A stream writes one record at a time, so more than a few appends in flight only wait there; waiting here instead lets the
batches grow, and the fullest partition goes first.
"""

from __future__ import annotations

import asyncio
from typing import Protocol


class Waiting(Protocol):
    """Somebody who wants to append."""

    @property
    def waiting(self) -> int: ...


class Gate:
    """Admits ``width`` at a time; of those that wait, the one with most turns first. ``room`` is what one record of the stream
    may have, in bytes: what the server says, or less once the stream has refused."""

    def __init__(self, width: int, room: int) -> None:
        self._free = width
        self.room = room
        self._queue: list[tuple[Waiting, asyncio.Future[None]]] = []

    async def enter(self, who: Waiting) -> None:
        """Wait until admitted; `leave` must follow."""
        if self._free and not self._queue:
            self._free -= 1
        else:
            await self._wait(who)

    def leave(self) -> None:
        self._free += 1
        self._admit()

    async def _wait(self, who: Waiting) -> None:
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (who, admitted)
        self._queue.append(entry)
        self._admit()
        try:
            await admitted
        except asyncio.CancelledError:
            if entry in self._queue:
                self._queue.remove(entry)
            elif admitted.done() and not admitted.cancelled():
                self._free += 1
                self._admit()
            raise

    def _admit(self) -> None:
        while self._free and self._queue:
            fullest = max(self._queue, key=lambda entry: entry[0].waiting)
            self._queue.remove(fullest)
            if not fullest[1].cancelled():
                self._free -= 1
                fullest[1].set_result(None)
