"""Which ids this partition has seen, and where their outcomes are.

A hash of (key, id) leads to the journal sequence that holds the outcome; the record itself is compared when it is read, so
that a collision of hashes cannot give a wrong answer. Entries live in segments, oldest first, and leave by whole segments
when the node's memory bound is reached: dropping one costs nothing per id, and a look-up of a new id is a few misses.

*Coverage* is a time of first sending: every id sent after it is known here. It comes from the journal's own running maximum
(`batch.Header.since`), so that no clock is compared with another.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

ENTRY_BYTES = 130
"""Measured: one dict slot with its two integers."""

SEGMENT_ENTRIES = 8_192


@dataclass(slots=True)
class Budget:
    """The ids that all partitions of a node may hold together."""

    limit: int
    used: int = 0
    partitions: int = 0

    @property
    def share(self) -> int:
        return self.limit // max(1, self.partitions)


@dataclass(slots=True)
class _Segment:
    since: int
    first: int
    opened: float
    last: int = 0
    places: dict[int, int] = field(default_factory=dict)


class Index:
    """The ids of one partition. ``since`` and ``first``: the journal from sequence ``first`` on is known, and with it every
    id first sent after ``since``."""

    def __init__(self, budget: Budget, *, since: int, first: int, now: float) -> None:
        self._budget = budget
        self._segments: deque[_Segment] = deque([_Segment(since, first, now)])
        self._count = 0
        budget.partitions += 1

    @property
    def coverage(self) -> int:
        """Every id first sent after this time (ms) is known."""
        return self._segments[0].since

    @property
    def first(self) -> int:
        """The journal from this sequence on must be kept."""
        return self._segments[0].first

    def __len__(self) -> int:
        return self._count

    @property
    def has_room(self) -> bool:
        """Whether older ids may be added."""
        return self._budget.used < self._budget.limit or self._count < self._budget.share

    def is_new(self, token: str, id: str, sent: int) -> bool:
        """Whether the id, first sent at ``sent``, is certainly not known: within the coverage, and absent. Hot: once per call."""
        segments = self._segments
        if sent <= segments[0].since:
            return False
        place = hash((token, id))
        for segment in segments:  # noqa: SIM110 - three times as fast as all(…)
            if place in segment.places:
                return False
        return True

    def find(self, token: str, id: str) -> int:
        """The sequence that holds the outcome, or may; 0 if the id is not known."""
        place = hash((token, id))
        for segment in reversed(self._segments):
            if sequence := segment.places.get(place):
                return sequence
        return 0

    def add(self, token: str, id: str, sequence: int) -> None:
        """Remember an id that the record ``sequence`` tells of. Call in order of sequence."""
        segment = self._segments[-1]
        places = segment.places
        before = len(places)
        places[hash((token, id))] = sequence
        segment.last = sequence
        added = len(places) - before  # a turn that asked others is told of twice
        self._count += added
        self._budget.used += added

    def roll(self, since: int, next_sequence: int, now: float, *, age: float = 60.0) -> None:
        """Begin a new segment if the last one is full or old: call between two records. ``since`` as in the next record."""
        last = self._segments[-1]
        if len(last.places) >= SEGMENT_ENTRIES or (last.places and now - last.opened > age):
            self._segments.append(_Segment(since, next_sequence, now))

    def extend_back(self, entries: list[tuple[str, str, int]], *, since: int, first: int, now: float) -> None:
        """Older entries were read from the journal: coverage moves back to ``since``."""
        old = _Segment(since, first, now)
        for token, id, sequence in entries:
            old.places[hash((token, id))] = sequence
            old.last = sequence
        self._segments.appendleft(old)
        self._count += len(old.places)
        self._budget.used += len(old.places)

    def shrink(self, checkpoint: int, *, now: float, age: float) -> None:
        """Drop the oldest segments while the node is over its bound and this partition over its share, or they are older than
        ``age`` seconds; never what lies behind the checkpoint."""
        while len(self._segments) > 1:
            oldest = self._segments[0]
            over = self._budget.used > self._budget.limit and self._count > self._budget.share
            if oldest.last > checkpoint or not (over or now - self._segments[1].opened > age):
                return
            self._segments.popleft()
            self._count -= len(oldest.places)
            self._budget.used -= len(oldest.places)

    def close(self) -> None:
        self._budget.used -= self._count
        self._budget.partitions -= 1
        self._count = 0
        self._segments = deque([_Segment(self.coverage, self.first, 0.0)])
