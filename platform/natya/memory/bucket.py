"""A key-value bucket of the memory server: compare-and-set by revision, keys that end by themselves, watchers."""

from __future__ import annotations

from collections.abc import Callable

from natya.clock import Clock
from natya.ports.lease import Entry, RevisionConflict


class Bucket:
    """The latest entry of each key. Keys that have ended stay as entries without a value, so that revisions tell.

    ``later(seconds, callback)`` is how a bucket hears that time has passed.
    """

    def __init__(self, clock: Clock, later: Callable[[float, Callable[[], None]], None]) -> None:
        self._clock = clock
        self._later = later
        self._entries: dict[str, Entry] = {}
        self._ends: dict[str, float] = {}
        self._revision = 0
        self._watchers: list[Callable[[Entry], None]] = []

    def get(self, key: str) -> Entry | None:
        self._end_if_due(key)
        return self._entries.get(key)

    def put(self, key: str, value: bytes, *, expected: int | None, ttl: float | None) -> int:
        """Write; the new revision. Raises `RevisionConflict`."""
        present = self.get(key)
        if expected is not None:
            revision = present.revision if present else 0
            ended = present is None or present.value is None
            if expected != revision and not (expected == 0 and ended):
                raise RevisionConflict(f"{key} is at revision {revision}, not {expected}")
        if ttl is None:
            self._ends.pop(key, None)
        else:
            ends = self._ends[key] = self._clock.boottime() + ttl
            self._later(ttl, lambda: self._end(key, ends))
        return self._set(key, value)

    def watch(self, changed: Callable[[Entry], None]) -> None:
        """Tell every entry there is, then every change, until `unwatch`."""
        for key in list(self._entries):
            self._end_if_due(key)
        self._watchers.append(changed)
        for entry in sorted(self._entries.values(), key=lambda entry: entry.revision):
            changed(entry)

    def unwatch(self, changed: Callable[[Entry], None]) -> None:
        if changed in self._watchers:
            self._watchers.remove(changed)

    def _end_if_due(self, key: str) -> None:
        ends = self._ends.get(key)
        if ends is not None and ends <= self._clock.boottime():
            self._end(key, ends)

    def _end(self, key: str, ends: float) -> None:
        if self._ends.get(key) == ends:
            del self._ends[key]
            self._set(key, None)

    def _set(self, key: str, value: bytes | None) -> int:
        self._revision += 1
        entry = self._entries[key] = Entry(key, value, self._revision)
        for changed in list(self._watchers):
            changed(entry)
        return self._revision
