"""The actors' documents as of a journal sequence: made to be queried, and a place to load from. Never the truth."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from natya.ports.store import StoreUnavailable


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An actor as of journal sequence ``journal``. ``state`` is its JSON text in the form ``schema``; None leaves the stored state
    and its form as they are (the turns since then changed none), and on loading it means that no state was ever stored."""

    key: str
    version: int
    journal: int
    mail: int
    schema: int
    state: bytes | None
    timers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kept:
    """A remembered outcome. ``expires`` in ms since the epoch; ``digest`` is the hash of method and body; ``sent`` the time
    of the first attempt."""

    token: str
    id: str
    digest: str
    sent: int
    code: int
    slug: str
    body: bytes
    expires: int


class SnapshotsUnavailable(StoreUnavailable):
    """Raised when the store cannot be reached, did not answer in time or did not acknowledge durably: unknown."""


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome of one write: keys for which the store already had a later document, with that document's journal
    sequence, and keys that the store refused for themselves, with its reason. All others are durably stored (an equal
    document counts as stored)."""

    later: Mapping[str, int]
    refused: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a store must know of a kind: the JSON Schema of its state (which says what is a date) and its indexes, each a
    sequence of (field of the state, 1 or -1)."""

    kind: str
    schema: Mapping[str, Any]
    indexes: Sequence[Sequence[tuple[str, int]]] = ()


class Snapshots(Protocol):
    """The documents of all kinds."""

    async def prepare(self, shape: Shape) -> None:
        """Make the collection and its indexes. May be called again. Raises `SnapshotsUnavailable`."""
        ...

    async def load(self, kind: str, keys: Collection[str], *, after: str = "") -> dict[str, Snapshot]:
        """The documents of these keys, those that exist; a majority read not older than ``after`` (see `mark`). Raises
        `SnapshotsUnavailable`."""
        ...

    async def write(self, kind: str, snapshots: Sequence[Snapshot]) -> Written:
        """Store each unless an equal or later document (by ``journal``) is there; durable on a majority when it returns.
        Raises `SnapshotsUnavailable`: then any part may have been written, or be written later."""
        ...

    def mark(self) -> str:
        """Where the store is after the last write here: text for `load`'s ``after``, empty where the store has no such
        notion."""
        ...

    async def keep(self, kind: str, kept: Sequence[Kept]) -> None:
        """Remember outcomes until they expire; an outcome that is already remembered stays. Raises
        `SnapshotsUnavailable`."""
        ...

    async def kept(self, kind: str, token: str, id: str, *, after: str = "") -> Kept | None:
        """The remembered outcome, None if there is none (any more). Raises `SnapshotsUnavailable`."""
        ...
