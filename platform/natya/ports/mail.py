"""Stored tells of a partition. The position is ours to remember; the stream only keeps and orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Letter:
    """One stored tell. ``sequence`` grows along the kind's mail with gaps; ``time`` is when the server stored it, in ms.
    ``token`` and ``method`` are as in the subject, unchecked."""

    sequence: int
    token: str
    method: str
    body: bytes
    time: int
    headers: Mapping[str, str] = field(default_factory=dict)


class MailUnavailable(Exception):
    """Raised when the mail cannot be read now. Nothing is skipped: read on from the same place later."""


class MailReader(Protocol):
    """One pass over a partition's mail, in order, without a gap and without an end."""

    async def next(self, limit: int) -> list[Letter]:
        """Wait for mail; return at least one letter and at most ``limit``. Raises `MailUnavailable`, after which it may be
        called again and goes on behind the last letter it returned."""
        ...

    async def close(self) -> None:
        """Let go of what the reader holds. Does nothing the second time."""
        ...


class Mail(Protocol):
    """The mail of all kinds."""

    async def reader(self, kind: str, partition: int, *, start: int) -> MailReader:
        """A reader whose first letter is the first with ``sequence >= start``. Raises `MailUnavailable`."""
        ...

    async def of_key(self, kind: str, partition: int, token: str, *, start: int, limit: int) -> list[Letter]:
        """The first letters of one key from ``start`` on, at most ``limit``, as the stream's leader knows them: an empty
        list means that there is none. Raises `MailUnavailable`."""
        ...

    async def purge(self, kind: str, partition: int, *, before: int) -> None:
        """Forget letters with a sequence below ``before``. Raises `MailUnavailable`."""
        ...
