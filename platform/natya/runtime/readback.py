"""Older journal, read back into the id index while the partition already serves.

Recovery reads from the checkpoint on, which is all that serving needs. A repeat of a message from before that would be *outcome
unknown*; instead it waits while the records behind are read, newest first, until the index reaches back far enough.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from natya.ports.journal import JournalUnavailable
from natya.runtime.batch import decode
from natya.runtime.index import Index
from natya.runtime.letters import MAIL_ID
from natya.runtime.recollection import Recollection
from natya.runtime.turn import STRAY
from natya.runtime.world import World

DELAY = 2.0
"""Seconds until older journal is read though nobody waits for it."""
WINDOW = 512
"""Sequence numbers looked at in the first read; each of 4 partitions of a stream has about a quarter of them."""
YIELD_EVERY = 8
"""Records after which the loop may do something else: others are served meanwhile."""


class ReadBack:
    """Extends one partition's index backwards from record ``first``. What nobody waits for is read in turn with the other
    partitions of the node, for which ``turns`` stands: after a hand-over they would all read at once."""

    def __init__(
        self,
        world: World,
        kind: str,
        partition: int,
        index: Index,
        recollection: Recollection,
        first: int,
        turns: asyncio.Semaphore,
    ) -> None:
        self._world = world
        self._kind = kind
        self._partition = partition
        self._index = index
        self._recollection = recollection
        self._first = first
        self._turns = turns
        recollection.reading_back = first > 1

    async def run(self) -> None:
        """Read until the journal's beginning, the memory bound or the age bound, then return. Begins when somebody waits for it,
        else a moment later: while a node takes over many partitions it has more urgent things to do."""
        if self._recollection.reading_back:
            with suppress(TimeoutError):
                await self._world.clock.wait_for(self._recollection.asked_back.wait(), DELAY)
        end, window = self._first, WINDOW
        while end > 1 and self._index.has_room:
            start = max(1, end - window)
            try:
                first = await self._in_turn(start, end)
            except JournalUnavailable:
                await self._world.clock.sleep(0.25)
                continue
            if first is not None:
                end = first
            elif start == 1:
                break
            window *= 4
        self._recollection.extended(more=False)

    async def _in_turn(self, start: int, end: int) -> int | None:
        if self._recollection.asked_back.is_set():
            return await self._read(start, end)
        async with self._turns:
            return await self._read(start, end)

    async def _read(self, start: int, end: int) -> int | None:
        """Read the records from ``start`` up to but not including ``end`` into the index; the first one's sequence."""
        entries: list[tuple[str, str, int]] = []
        first: int | None = None
        since = records = 0
        async for record in self._world.journal.read(self._kind, self._partition, start=start, end=end):
            if record.sequence >= end:
                break
            batch = decode(record.data)
            if first is None:
                first, since = record.sequence, batch.header.since
            entries += [
                (line["key"], line["id"], record.sequence)
                for line in (*batch.starts, *batch.turns)
                if line.get("v") != STRAY and not line["id"].startswith(MAIL_ID)
            ]
            records += 1
            if records % YIELD_EVERY == 0:
                await asyncio.sleep(0)
        if first is not None:
            self._index.extend_back(entries, since=since, first=first, now=self._world.clock.boottime())
            self._recollection.extended(more=True)
        return first
