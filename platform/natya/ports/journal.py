"""A partition's append-only log: the truth.

An append says which sequence it follows and is refused if that is not the last one: the fence that keeps a replaced owner
from committing. *Unknown* is an answer of its own: an append that timed out may be stored, now or later.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Record:
    """One stored batch. ``sequence`` grows along the journal with gaps (streams are shared by partitions); ``time`` is the
    server's, in milliseconds."""

    sequence: int
    data: bytes
    time: int


class AppendUnknown(Exception):
    """Raised when it is not known whether the append took or will take effect: a time-out, a lost connection, no leader, a
    duplicate in flight (10163, 10164)."""


class AppendConflict(Exception):
    """Raised when the last sequence is not the expected one: somebody appended, perhaps oneself in an earlier attempt."""


class AppendTooLarge(Exception):
    """Raised when the batch exceeds what the stream takes: it is not stored. ``limit`` in bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"at most {limit} bytes")
        self.limit = limit


class AppendRefused(Exception):
    """Raised when the stream refuses for another reason (quota, disk full): it is not stored."""


class JournalUnavailable(Exception):
    """Raised when a read got no answer: nothing is known."""


class Journal(Protocol):
    """The journals of all kinds."""

    async def append(self, kind: str, partition: int, data: bytes, *, expected: int) -> int:
        """Append behind sequence ``expected`` (0: the journal is empty); returns the new sequence once it is durable."""
        ...

    async def last(self, kind: str, partition: int) -> Record | None:
        """The last record as the stream's leader knows it, None if there is none. Raises `JournalUnavailable`."""
        ...

    async def at(self, kind: str, partition: int, sequence: int) -> Record | None:
        """The record of that very sequence, None if it is not (any more) there. Raises `JournalUnavailable`."""
        ...

    def read(self, kind: str, partition: int, *, start: int, end: int) -> AsyncIterator[Record]:
        """All records with ``start <= sequence <= end`` that have not been trimmed, in order, without a gap.
        ``end`` must be the sequence of an existing record. Raises `JournalUnavailable`."""
        ...

    async def trim(self, kind: str, partition: int, *, before: int) -> None:
        """Forget records with a sequence below ``before``; the last record always stays. Raises `JournalUnavailable`."""
        ...
