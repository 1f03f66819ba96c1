"""Facts that actors have published: all kinds in one stream, in the order in which they were stored, kept for a time.

A position is a sequence: everything up to it is done with. It is the reader's to remember, so one that ends can go on later, on
another connection or in another process, and miss nothing. What was trimmed in the meantime cannot be had any more; that is
never passed over in silence, but told by `EventsGone`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, Protocol

import orjson

from natya.errors import Invalid, NatyaError
from natya.message import MSG_ID
from natya.names import Subjects, check_kind, check_method, decode_key, encode_key

MAX_PATTERNS: Final = 64
"""Most combinations of kind, key and name that one reader can want."""


@dataclass(frozen=True, slots=True)
class Event:
    """One fact. ``sequence`` is its place in the stream and grows with gaps; ``time`` is when it was stored, in ms since the epoch;
    ``id`` is its place in the journal of whoever emitted it: the same if one fact should ever be stored twice."""

    sequence: int
    time: int
    id: str
    kind: str
    key: str
    name: str
    body: bytes

    @property
    def data(self) -> Any:
        """The body, read as JSON."""
        return orjson.loads(self.body) if self.body else {}

    @classmethod
    def read(cls, subject: str, sequence: int, time: int, headers: Mapping[str, str], body: bytes) -> Event | None:
        """The event that is stored under ``subject``; None where a foreign program has published what no actor can emit."""
        kind, token, name = subject.split(".")[-3:]
        try:
            return cls(sequence, time, headers.get(MSG_ID, ""), kind, decode_key(token), name, body)
        except Invalid:
            return None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: those of any of these kinds, encoded keys and names. An empty set stands for all."""

    kinds: frozenset[str] = frozenset()
    tokens: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, kinds: Iterable[str] = (), keys: Iterable[str] = (), names: Iterable[str] = ()) -> Wanted:
        """Raises `Invalid`, naming what cannot be."""
        wanted = cls(
            frozenset(map(check_kind, kinds)),
            frozenset(map(encode_key, keys)),
            frozenset(_check_name(name) for name in names),
        )
        if len(wanted.patterns()) > MAX_PATTERNS:
            raise Invalid(
                f"kinds, keys and names make {len(wanted.patterns())} combinations: at most {MAX_PATTERNS} can be wanted at once"
            )
        return wanted

    def patterns(self) -> list[tuple[str, str, str]]:
        """Kind, token and name of each combination, ``*`` for all. No event is of two of them."""
        kinds, tokens, names = (sorted(some) or ["*"] for some in (self.kinds, self.tokens, self.names))
        return list(product(kinds, tokens, names))

    def subjects(self, subjects: Subjects) -> list[str]:
        """The subjects of the patterns."""
        return [subjects.event(*pattern) for pattern in self.patterns()]

    def takes(self, subject: str) -> bool:
        """Whether what is stored under ``subject`` is wanted."""
        kind, token, name = subject.split(".")[-3:]
        return _in(kind, self.kinds) and _in(token, self.tokens) and _in(name, self.names)


@dataclass(frozen=True, slots=True)
class Extent:
    """What is in the stream: nothing before ``first``; ``last`` is the newest sequence that was ever given. An empty stream has
    ``first`` = ``last`` + 1."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Portion:
    """Events in order, and the position after them: whatever is wanted up to it is in them."""

    events: Sequence[Event]
    position: int


class EventsUnavailable(Exception):
    """Raised when the stream cannot be read now. Nothing is skipped: read on from the same position later."""


class EventsGone(NatyaError):
    """Raised when what follows a position is not in the stream any more: it was trimmed, or the stream was made anew since. What is
    left begins at ``first``; reading on after ``first - 1`` gets all of that."""

    code = 410
    slug = "events_gone"

    def __init__(self, after: int, extent: Extent) -> None:
        if after > extent.last:
            detail = f"the stream has no event {after} yet: it was made anew and ends at {extent.last}"
        else:
            detail = f"events from {after + 1} on were trimmed: the oldest that is left is {extent.first}"
        super().__init__(detail, after=after, first=extent.first)
        self.after = after
        self.first = extent.first


class EventReader(Protocol):
    """Events from a position on, in order, without a gap and without an end."""

    async def next(self, limit: int) -> Sequence[Event]:
        """Wait for events; return at least one and at most ``limit``. Raises `EventsUnavailable`, after which it may be called again and
        goes on behind the last event it returned, and `EventsGone`, after which it goes on with the oldest that is left."""
        ...

    async def close(self) -> None:
        """Let go of what the reader holds. Does nothing the second time."""
        ...


class EventStream(Protocol):
    """The events of all kinds."""

    async def extent(self) -> Extent:
        """What is in the stream, as its leader knows it. Raises `EventsUnavailable`."""
        ...

    async def read(self, wanted: Wanted, *, after: int, through: int, limit: int) -> Portion:
        """The first wanted events after ``after``, at most ``limit``, none behind ``through``: a sequence that the stream has reached.
        There may be fewer, or none, before the portion's position is there. Holds nothing when it has returned. Raises
        `EventsUnavailable`, `EventsGone`."""
        ...

    def follow(self, wanted: Wanted, *, after: int) -> EventReader:
        """A reader whose first event is the first wanted one after ``after``."""
        ...


def check_there(after: int, extent: Extent) -> None:
    """Raise `EventsGone` unless all that was ever stored after ``after`` is still there."""
    if after + 1 < extent.first or after > extent.last:
        raise EventsGone(after, extent)


def _check_name(name: str) -> str:
    try:
        return check_method(name)
    except Invalid as error:
        raise Invalid(
            f"{name!r} is not the name of an event: letters, digits and _, not starting with a digit", field="event"
        ) from error


def _in(value: str, some: Collection[str]) -> bool:
    return not some or value in some
