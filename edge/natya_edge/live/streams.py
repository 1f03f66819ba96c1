"""All streams of an edge: how many there may be, what they share, and their end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Final

from natya.errors import Overloaded, Unavailable
from natya.ports.events import EventStream, Extent, Portion, Wanted
from natya_edge.errors import TooManyStreams
from natya_edge.live.subscriber import Connected, End, Subscriber, Visible
from natya_edge.live.tail import Tail

READS: Final = 8
"""Bounded reads that go on at the same time."""
PORTION: Final = 500
"""Events in one of them."""
_RETRY: Final = 5.0


@dataclass(frozen=True, slots=True)
class Statistics:
    """``open`` streams now, of that many ``subjects``; whether the stream of events is being ``read``; how many streams have
    ``ended`` for which reason."""

    open: int
    subjects: int
    read: bool
    ended: Mapping[End, int]


class Streams:
    """``limit`` streams at most, ``limit_each`` of them of one principal; ``buffer`` is for each, in bytes. `close` it."""

    def __init__(self, source: Callable[[], EventStream], *, limit: int, limit_each: int, buffer: int) -> None:
        self._source = source
        self._limit = limit
        self._limit_each = limit_each
        self._buffer = buffer
        self._tail = Tail(source)
        self._reads = asyncio.Semaphore(READS)
        self._open: dict[str, set[Subscriber]] = {}
        self._count = 0
        self._ended: Counter[End] = Counter()
        self._stopping = False

    @property
    def statistics(self) -> Statistics:
        return Statistics(self._count, len(self._open), self._tail.running, dict(self._ended))

    @property
    def position(self) -> int:
        """Up to here everything new has been given to who wants it."""
        return self._tail.position

    @property
    def trouble(self) -> str:
        """Why nothing new comes now; empty if all is well."""
        return self._tail.trouble

    @asynccontextmanager
    async def subscribe(
        self, subject: str, wanted: Wanted, visible: Visible, connected: Connected
    ) -> AsyncIterator[Subscriber]:
        """A place in the fan-out for a stream of this principal. Raises `TooManyStreams`, `Overloaded`, `Unavailable`."""
        self._admit(subject)
        subscriber = Subscriber(wanted, visible, connected, self._buffer)
        self._open.setdefault(subject, set()).add(subscriber)
        self._count += 1
        try:
            await self._tail.join(subscriber)
            yield subscriber
        finally:
            self._tail.leave(subscriber)
            self._count -= 1
            self._open[subject].discard(subscriber)
            if not self._open[subject]:
                del self._open[subject]

    async def read(self, wanted: Wanted, *, after: int, through: int) -> Portion:
        """See `EventStream.read`. Raises `Unavailable` as well."""
        async with self._reads:
            return await self._source().read(wanted, after=after, through=through, limit=PORTION)

    async def extent(self) -> Extent:
        """See `EventStream.extent`. Raises `Unavailable` as well."""
        return await self._source().extent()

    def count(self, end: End) -> None:
        """A stream ends for this reason."""
        self._ended[end] += 1

    def stop(self) -> None:
        """Let all streams end, now, and take no more."""
        self._stopping = True
        for subscribers in self._open.values():
            for subscriber in subscribers:
                subscriber.end(End.STOPPING, "the edge is ending: connect again, to any edge")

    async def close(self) -> None:
        """Let go of what the streams shared."""
        await self._tail.close()

    def _admit(self, subject: str) -> None:
        if self._stopping:
            raise Unavailable("the edge is ending", retry_after=1)
        if _there(self._open.get(subject, ()), self._limit_each) >= self._limit_each:
            raise TooManyStreams(
                f"{subject} has {self._limit_each} streams of events open here, and more are not allowed: close one",
                limit=self._limit_each,
                retry_after=_RETRY,
            )
        if self._count >= self._limit and _there(list(chain(*self._open.values())), self._limit) >= self._limit:
            raise Overloaded(
                f"{self._limit} streams of events are open at this edge, and more are not allowed",
                limit=self._limit,
                retry_after=_RETRY,
            )


def _there(subscribers: Collection[Subscriber], limit: int) -> int:
    """How many of them have a client. A session whose client has gone notices it when it next sends: where it is in the way it is
    woken."""
    if len(subscribers) < limit:
        return len(subscribers)
    gone = [subscriber for subscriber in subscribers if not subscriber.connected()]
    for subscriber in gone:
        subscriber.end(End.GONE, "the client has gone")
    return len(subscribers) - len(gone)
