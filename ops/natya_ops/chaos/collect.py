"""What the streams hold at the end: read again and again until everything that was accepted is done, then handed to the checks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from natya.jetstream import JetStream
from natya.jetstream.pull import Broken, Item, open_pull
from natya.names import JOURNAL_STREAMS
from natya.runtime.batch import decode
from natya_ops.chaos.checks import Entry, Stored

PORTION: Final = 1_000
PATIENCE: Final = 10.0
"""Seconds for which a stream may say nothing before its reading is begun anew."""
ATTEMPTS: Final = 5
PAUSE: Final = 0.5


class Streams:
    """Journals, events and dead letters of a platform, as far as they have been read. ``partitions``: their number for each kind."""

    def __init__(self, jetstream: JetStream, partitions: Mapping[str, int]) -> None:
        self._jetstream = jetstream
        self._partitions = partitions
        self._read: dict[tuple[str, str], int] = {}
        self.journals: dict[tuple[str, int], list[Entry]] = {
            (kind, number): [] for kind, count in partitions.items() for number in range(count)
        }
        self.events: list[Stored] = []
        self.dead: list[Stored] = []

    async def read_journals(self) -> int:
        """Read on to the present end of all journals; returns how many turns came: an idle owner writes records without any. Raises
        `Broken`, `UnreadableRecord`."""
        subjects, found = self._jetstream.subjects, 0
        for kind, count in self._partitions.items():
            prefix = subjects.journal(kind, 0).removesuffix("0")
            for number in range(min(JOURNAL_STREAMS, count)):
                for item in await self._read_on(subjects.journal_stream(kind, number), f"{prefix}*"):
                    partition = int(item.arrival.subject.removeprefix(prefix))
                    record = decode(item.arrival.data)
                    record.states = dict.fromkeys(record.states)  # which have changed: the states themselves fill the memory
                    entry = Entry(item.sequence, item.time, record)
                    self.journals[kind, partition].append(entry)
                    found += len(entry.record.turns)
        return found

    async def read_messages(self) -> int:
        """The same for events and dead letters. Raises `Broken`."""
        subjects = self._jetstream.subjects
        events = await self._read_on(subjects.events_stream, subjects.event("*", "*", "*"))
        dead = await self._read_on(subjects.dead_stream, subjects.dead("*", "*", "*"))
        self.events.extend(map(_stored, events))
        self.dead.extend(map(_stored, dead))
        return len(events) + len(dead)

    async def _read_on(self, stream: str, subject: str) -> list[Item]:
        """What came since the last time, once all of it has been read."""
        place = (stream, subject)
        start = self._read.get(place, 0) + 1
        for attempt in range(1, ATTEMPTS + 1):
            try:
                items = await self._pass(stream, subject, start)
            except Broken:
                if attempt == ATTEMPTS:
                    raise
                await asyncio.sleep(PAUSE * attempt)
            else:
                if items:
                    self._read[place] = items[-1].sequence
                return items
        raise AssertionError

    async def _pass(self, stream: str, subject: str, start: int) -> list[Item]:
        found: list[Item] = []
        pull, behind = await open_pull(self._jetstream.connection, stream, subject, start=start)
        try:
            while behind:
                items = await pull.next(PORTION, patience=PATIENCE)
                found.extend(items)
                behind = items[-1].behind
        finally:
            pull.close()
        return found


def _stored(item: Item) -> Stored:
    return Stored(item.sequence, item.arrival.subject, item.arrival.headers.get("Nats-Msg-Id", ""))
