"""The cluster's shared memory: a small key-value store with compare-and-set, expiry and a watch.

Members and owners live in it, and so do the manifests (another bucket of the same port). A call has three answers: done,
refused, and *unknown*, which means no to whoever wanted to act on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Entry:
    """One key as of ``revision``. ``value`` is None if the key has ended (expired or deleted): revisions go on growing."""

    key: str
    value: bytes | None
    revision: int


class RevisionConflict(Exception):
    """Raised when the key is not at the expected revision."""


class LeaseUnknown(Exception):
    """Raised when no answer came: the write may or may not have taken effect."""


class Watch(Protocol):
    """A running watch."""

    async def close(self) -> None:
        """Stop. Does nothing the second time."""
        ...


class Registry(Protocol):
    """One bucket."""

    async def get(self, key: str) -> Entry | None:
        """The latest entry, as the leader knows it; None if there never was one or its marker is gone too."""
        ...

    async def put(self, key: str, value: bytes, *, expected: int | None = None, ttl: float | None = None) -> int:
        """Write and return the new revision. ``expected``: the key's present revision (0: it has none, or it has ended);
        None writes whatever is there. ``ttl`` in whole seconds: the key ends then unless written again. Raises
        `RevisionConflict`, `LeaseUnknown`."""
        ...

    async def watch(self, changed: Callable[[Entry], None]) -> Watch:
        """Call ``changed`` for every key there is and then for every change, ends included. When this returns, what was
        there has been told. Events of one key come in order of revision, gaps are possible (only the newest counts), a lost
        connection is made good by telling anew. The callback must not block. Raises `LeaseUnknown`."""
        ...
