"""Small documents beside the actors' states, changed by compare-and-set: users, clients, sessions, what was revoked.

A write names what it replaces, by the record's *revision*: text that is new with every write. So two writers never overwrite one
another unseen, and a write may be sent again, by the driver, by us, or by a thread that a cancelled await has left behind,
without having a second effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

RESERVED: Final = frozenset({"_id", "revision", "expires"})
"""What the fields of a record cannot be named."""


@dataclass(frozen=True, slots=True)
class Record:
    """A document as of ``revision``. ``fields`` are JSON values by name; ``expires`` in ms since the epoch, None: never."""

    collection: str
    id: str
    revision: str
    fields: Mapping[str, Any]
    expires: int | None = None


class RecordExists(Exception):
    """Raised when a record that is to be inserted is there already."""


class RecordChanged(Exception):
    """Raised when a record is not (any more) at the revision that was to be replaced: read it again and decide anew."""


class Records(Protocol):
    """The records of all collections. Every method raises `natya.ports.store.StoreUnavailable`. A record that has expired is not there, whether or not the
    store has deleted it yet. What a write returns is durable on a majority."""

    async def get(self, collection: str, id: str) -> Record | None:
        """The record as a majority has it, None if there is none."""
        ...

    async def insert(self, collection: str, id: str, fields: Mapping[str, Any], *, expires: int | None = None) -> Record:
        """Store a record that is not there yet. Raises `RecordExists`."""
        ...

    async def replace(self, record: Record, fields: Mapping[str, Any], *, expires: int | None = None) -> Record:
        """Store ``fields`` and ``expires`` in place of those of ``record``, if that is what is there. Raises `RecordChanged`."""
        ...

    async def delete(self, collection: str, id: str) -> None:
        """Delete the record, whatever its revision. Does nothing if there is none."""
        ...

    async def list(self, collection: str, *, after: str = "", limit: int = 1_000) -> list[Record]:
        """The first records with an id behind ``after``, at most ``limit``, in the order of their ids' code points."""
        ...
