"""A stream of the memory server: messages by sequence, with what NATS JetStream does to them that we depend on."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from natya.clock import Clock
from natya.memory.subject import matches
from natya.message import MSG_ID
from natya.ports.bus import Refused
from natya.ports.events import Extent

DUPLICATE_WINDOW: Final = 120.0
"""Seconds for which a stream knows the ``Nats-Msg-Id`` of what it stored."""

EXPECTED_LAST: Final = "Nats-Expected-Last-Subject-Sequence"
ROLLUP: Final = "Nats-Rollup"


class WrongLastSequence(Refused):
    """Raised when the last message of the subject is not the expected one (NATS: 10071)."""


class NoRoom(Exception):
    """Raised when the server has no room to store a message: nothing was stored."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One message in a stream; ``time`` in ms since the epoch."""

    sequence: int
    subject: str
    data: bytes
    headers: Mapping[str, str]
    time: int


@dataclass(frozen=True, slots=True)
class Ack:
    """What a stream says to a message that it took, or had taken before."""

    sequence: int
    duplicate: bool = False


class Stream:
    """Messages in the order of their sequences, which start at 1 and never fall; stored under ``transform(subject)``.

    All is in one list: short, and fast enough for what a test stores.
    """

    def __init__(self, name: str, clock: Clock, *, transform: Callable[[str], str] = str) -> None:
        self.name = name
        self._clock = clock
        self._transform = transform
        self._messages: list[Stored] = []
        self._newest: dict[str, Stored] = {}
        self._last = 0
        self._seen: dict[str, tuple[float, int]] = {}
        self._arrivals: set[asyncio.Future[None]] = set()

    def append(self, subject: str, data: bytes, headers: Mapping[str, str]) -> Ack:
        """Store a message and wake who waits for one. Raises `Refused`, and `WrongLastSequence` where one is expected."""
        if ROLLUP in headers:
            raise Refused("rollup not permitted")
        stored_as = self._transform(subject)
        msg_id = headers.get(MSG_ID)
        if msg_id and (earlier := self._known(msg_id)):
            return Ack(earlier, duplicate=True)
        if (expected := headers.get(EXPECTED_LAST)) is not None:
            newest = self.last(stored_as)
            actual = newest.sequence if newest else 0
            if expected != str(actual):
                raise WrongLastSequence(f"wrong last sequence: {actual}")
        self._last += 1
        message = self._newest[stored_as] = Stored(self._last, stored_as, data, dict(headers), self._clock.now_ms())
        self._messages.append(message)
        if msg_id:
            self._seen[msg_id] = (self._clock.boottime(), self._last)
        for arrival in self._arrivals:
            if not arrival.done():
                arrival.set_result(None)
        return Ack(self._last)

    def _known(self, msg_id: str) -> int | None:
        oldest = self._clock.boottime() - DUPLICATE_WINDOW
        while self._seen and next(iter(self._seen.values()))[0] <= oldest:
            del self._seen[next(iter(self._seen))]
        known = self._seen.get(msg_id)
        return known[1] if known else None

    def read(self, pattern: str, *, start: int = 1, end: int | None = None, limit: int | None = None) -> list[Stored]:
        """The first ``limit`` messages of the subjects of ``pattern`` with ``start <= sequence <= end``."""
        found: list[Stored] = []
        for message in self._matching(pattern, start):
            if len(found) == limit or (end is not None and message.sequence > end):
                break
            found.append(message)
        return found

    def last(self, subject: str) -> Stored | None:
        """The last message of one subject."""
        return self._newest.get(subject)

    def at(self, sequence: int) -> Stored | None:
        """The message of that sequence, if it is there."""
        index = self._index(sequence)
        return self._messages[index] if index < len(self._messages) and self._messages[index].sequence == sequence else None

    @property
    def extent(self) -> Extent:
        """What is there."""
        return Extent(self._messages[0].sequence if self._messages else self._last + 1, self._last)

    def purge(self, pattern: str, *, before: int) -> None:
        """Forget the messages of the subjects of ``pattern`` with a sequence below ``before``."""
        gone = {message.sequence for message in self.read(pattern, end=before - 1)}
        self._messages = [message for message in self._messages if message.sequence not in gone]
        self._newest = {subject: newest for subject, newest in self._newest.items() if newest.sequence not in gone}

    def restart(self) -> None:
        """The server has been restarted: of ids it knows only those of messages that are still here."""
        kept = {message.sequence for message in self._messages}
        self._seen = {id: (time, sequence) for id, (time, sequence) in self._seen.items() if sequence in kept}

    def arrival(self) -> asyncio.Future[None]:
        """A future that is done at the next append; give it back with `forget`."""
        arrival: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._arrivals.add(arrival)
        return arrival

    def forget(self, arrival: asyncio.Future[None]) -> None:
        self._arrivals.discard(arrival)

    def _index(self, sequence: int) -> int:
        return bisect_left(self._messages, sequence, key=lambda message: message.sequence)

    def _matching(self, pattern: str, start: int) -> Iterator[Stored]:
        parts = pattern.split(".")
        for index in range(self._index(start), len(self._messages)):
            if matches(parts, self._messages[index].subject.split(".")):
                yield self._messages[index]
