"""Journals in the memory server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Final, TypeVar

from natya.memory.bus import MemoryBus
from natya.memory.stream import EXPECTED_LAST, NoRoom, Stored, Stream, WrongLastSequence
from natya.ports.bus import Disconnected, NoReply, NoResponders, PayloadTooLarge, Refused
from natya.ports.journal import AppendConflict, AppendRefused, AppendTooLarge, AppendUnknown, JournalUnavailable, Record

T = TypeVar("T")

CHUNK: Final = 256
"""Records that one request reads."""


class MemoryJournal:
    """Implements `natya.ports.journal.Journal` over one connection. ``timeout`` in seconds, for each request."""

    def __init__(self, bus: MemoryBus, *, timeout: float = 2.0) -> None:
        self._bus = bus
        self._subjects = bus.broker.subjects
        self._timeout = timeout

    async def append(self, kind: str, partition: int, data: bytes, *, expected: int) -> int:
        headers = {EXPECTED_LAST: str(expected)}
        try:
            return await self._bus.append(self._subjects.journal(kind, partition), data, headers, timeout=self._timeout)
        except WrongLastSequence as error:
            raise AppendConflict(str(error)) from error
        except PayloadTooLarge as error:
            raise AppendTooLarge(self._bus.max_payload) from error
        except (NoRoom, Refused) as error:
            raise AppendRefused(str(error)) from error
        except (Disconnected, NoReply, NoResponders) as error:
            raise AppendUnknown(str(error)) from error

    async def last(self, kind: str, partition: int) -> Record | None:
        return _record(await self._ask(kind, partition, lambda stream, subject: stream.last(subject)))

    async def at(self, kind: str, partition: int, sequence: int) -> Record | None:
        def find(stream: Stream, subject: str) -> Stored | None:
            stored = stream.at(sequence)
            return stored if stored and stored.subject == subject else None

        return _record(await self._ask(kind, partition, find))

    async def read(self, kind: str, partition: int, *, start: int, end: int) -> AsyncIterator[Record]:
        def chunk(stream: Stream, subject: str) -> list[Stored]:
            return stream.read(subject, start=start, end=end, limit=CHUNK)

        while start <= end and (found := await self._ask(kind, partition, chunk)):
            for stored in found:
                yield Record(stored.sequence, stored.data, stored.time)
            start = found[-1].sequence + 1

    async def trim(self, kind: str, partition: int, *, before: int) -> None:
        def purge(stream: Stream, subject: str) -> None:
            last = stream.last(subject)
            if last:
                stream.purge(subject, before=min(before, last.sequence))

        await self._ask(kind, partition, purge)

    async def _ask(self, kind: str, partition: int, action: Callable[[Stream, str], T]) -> T:
        """Do something with the stream, given the partition's subject in it."""
        name = self._subjects.journal_stream(kind, partition)
        stream = self._bus.broker.stream(name)
        if stream is None:
            raise JournalUnavailable(f"there is no stream {name}: the kind was never made")
        subject = self._subjects.journal(kind, partition)
        try:
            return await self._bus.trip(f"$JS.API.{name}", lambda: action(stream, subject), timeout=self._timeout)
        except (Disconnected, NoReply) as error:
            raise JournalUnavailable(str(error)) from error


def _record(stored: Stored | None) -> Record | None:
    return Record(stored.sequence, stored.data, stored.time) if stored else None
