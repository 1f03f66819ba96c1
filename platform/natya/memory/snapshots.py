"""Snapshots in a dictionary: for tests and simulation. Everything written is at once on a majority of one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Final

import orjson

from natya.clock import Clock, SystemClock
from natya.ports.snapshots import Kept, Shape, Snapshot, SnapshotsUnavailable, Written

MAX_BYTES: Final = 16 << 20
"""The limit of a MongoDB document."""


class MemorySnapshots:
    """The documents of all kinds. `available` can be set to False, to see what happens when the store is away."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.available = True
        self._clock = clock or SystemClock()
        self._kinds: dict[str, dict[str, Snapshot]] = {}
        self._written: dict[tuple[str, str], int] = {}
        self._kept: dict[tuple[str, str, str], Kept] = {}

    async def prepare(self, shape: Shape) -> None:
        self._reach()
        self._kinds.setdefault(shape.kind, {})

    async def load(self, kind: str, keys: Collection[str], *, after: str = "") -> dict[str, Snapshot]:
        self._reach()
        stored = self._kinds.get(kind, {})
        return {key: stored[key] for key in keys if key in stored}

    async def write(self, kind: str, snapshots: Sequence[Snapshot]) -> Written:
        """See `Snapshots.write`. Raises `ValueError` if a key is there twice."""
        if len({snapshot.key for snapshot in snapshots}) < len(snapshots):
            raise ValueError("a key is there twice in one write: give each actor's latest snapshot only")
        self._reach()
        stored = self._kinds.setdefault(kind, {})
        later: dict[str, int] = {}
        refused: dict[str, str] = {}
        for snapshot in snapshots:
            present = stored.get(snapshot.key)
            if present is not None and present.journal >= snapshot.journal:
                if present.journal > snapshot.journal:
                    later[snapshot.key] = present.journal
                continue
            if fault := _fault(snapshot):
                refused[snapshot.key] = fault
                continue
            of_state = present if snapshot.state is None and present is not None else snapshot
            stored[snapshot.key] = replace(
                snapshot, state=of_state.state, schema=of_state.schema, timers=dict(snapshot.timers)
            )
            self._written[kind, snapshot.key] = self._clock.now_ms()
        return Written(later, refused)

    def stored(self, kind: str) -> Iterator[tuple[Snapshot, int]]:
        """All documents of a kind, and when each was written, in ms since the epoch."""
        self._reach()
        for key, snapshot in self._kinds.get(kind, {}).items():
            yield snapshot, self._written[kind, key]

    def mark(self) -> str:
        return ""

    async def keep(self, kind: str, kept: Sequence[Kept]) -> None:
        self._reach()
        now = self._clock.now_ms()
        self._kept = {known: one for known, one in self._kept.items() if one.expires > now}
        for one in kept:
            self._kept.setdefault((kind, one.token, one.id), one)

    async def kept(self, kind: str, token: str, id: str, *, after: str = "") -> Kept | None:
        self._reach()
        one = self._kept.get((kind, token, id))
        return one if one is not None and one.expires > self._clock.now_ms() else None

    def _reach(self) -> None:
        if not self.available:
            raise SnapshotsUnavailable("set to be away")


def _fault(snapshot: Snapshot) -> str:
    """Why ``snapshot`` cannot be stored, empty if it can."""
    try:
        orjson.dumps(dict(snapshot.timers))
        if snapshot.state is not None:
            orjson.loads(snapshot.state)
            if len(snapshot.state) > MAX_BYTES:
                return f"too large: {len(snapshot.state)} bytes, at most {MAX_BYTES} are allowed"
    except (ValueError, TypeError) as error:
        return f"not JSON: {error}"
    return ""
