"""`natya.ports.events.EventStream` on the stream ``natya_events``.

A bounded read must know when it is complete. How many messages a consumer says are left is no proof: in a cluster it may be on a
server that is a little behind. So the subject of the last message that is to be read is added to what is asked for, whatever it
is, and the read is complete when that message has come.

Sequences that jump have two reasons: what lies between was not wanted, or has been trimmed. The first sequence of the stream,
asked for *after* the messages came, tells.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from natya.jetstream.connection import Connection
from natya.jetstream.follow import PASSES, Follow
from natya.jetstream.pull import Broken, Item, open_pull
from natya.jetstream.requests import ApiError, NoAnswer, get_message, repeat
from natya.names import Subjects
from natya.ports.events import Event, EventReader, EventsGone, EventsUnavailable, Extent, Portion, Wanted, check_there

_PORTION: Final = 500
_PATIENCE: Final = 5.0


class JetStreamEvents:
    """See `natya.ports.events.EventStream`."""

    def __init__(self, connection: Connection, subjects: Subjects) -> None:
        self._connection = connection
        self._subjects = subjects
        self._stream = subjects.events_stream

    async def extent(self) -> Extent:
        try:
            state = (await repeat(self._connection, f"STREAM.INFO.{self._stream}"))["state"]
        except (NoAnswer, ApiError) as error:
            raise EventsUnavailable(f"stream {self._stream}: {error}") from error
        last = int(state["last_seq"])
        return Extent(int(state["first_seq"]) if state["messages"] else last + 1, last)

    async def read(self, wanted: Wanted, *, after: int, through: int, limit: int) -> Portion:
        if after >= through:
            return Portion((), after)
        try:
            items = await self._items(wanted, after, through, limit)
        except (Broken, NoAnswer) as error:
            raise EventsUnavailable(str(error)) from error
        await self.check(after, items)
        found = [item for item in items if item.sequence <= through]
        complete = len(items) < limit or items[-1].sequence >= through
        return Portion(_events(wanted, found), through if complete else items[-1].sequence)

    def follow(self, wanted: Wanted, *, after: int) -> EventReader:
        subjects = wanted.subjects(self._subjects)
        return JetStreamEventReader(
            self, Follow(self._connection, self._stream, subjects, start=after + 1, portion=_PORTION), wanted, after
        )

    async def check(self, after: int, items: Sequence[Item]) -> None:
        """Raise `EventsGone` if something was trimmed between ``after`` and the ``items``, or between these."""
        if not items or items[-1].sequence != after + len(items):
            check_there(after, await self.extent())

    async def _items(self, wanted: Wanted, after: int, through: int, limit: int) -> list[Item]:
        """What follows ``after``, until something at ``through`` or behind it has come, or ``limit`` messages have."""
        subjects = wanted.subjects(self._subjects)
        everything = self._subjects.event("*", "*", "*")
        end = await get_message(self._connection, self._stream, {"next_by_subj": everything, "seq": through})
        if end is not None and not wanted.takes(end.subject):
            subjects.append(end.subject)
        pull, left = await open_pull(self._connection, self._stream, subjects, start=after + 1, portion=limit, ahead=False)
        items: list[Item] = []
        try:
            # Without an end, what was there has been trimmed or deleted: then what the consumer says is all there is to go by.
            while len(items) < limit and (left if end is None else not items or items[-1].sequence < end.sequence):
                items += await pull.next(limit - len(items), patience=_PATIENCE)
                left = items[-1].behind
        finally:
            pull.close()
        return items


class JetStreamEventReader:
    """See `natya.ports.events.EventReader`."""

    def __init__(self, events: JetStreamEvents, follow: Follow, wanted: Wanted, after: int) -> None:
        self._events = events
        self._follow = follow
        self._wanted = wanted
        self._after = after

    async def next(self, limit: int) -> Sequence[Event]:
        broken = 0
        while True:
            try:
                if not self._follow.running:
                    # The stream that is there now may be another one, which ends before our position and would stay silent.
                    check_there(self._after, await self._events.extent())
                items = await self._follow.next(limit)
                await self._events.check(self._after, items)
            except Broken as error:
                broken += 1
                if broken == PASSES:
                    raise EventsUnavailable(str(error)) from error
                continue
            except (EventsUnavailable, asyncio.CancelledError):
                self._follow.jump(self._after + 1)  # what came and was not looked at comes again
                raise
            except EventsGone as gone:
                self._after = gone.first - 1
                self._follow.jump(gone.first)
                raise
            self._after = items[-1].sequence
            if events := _events(self._wanted, items):
                return events

    async def close(self) -> None:
        self._follow.close()


def _events(wanted: Wanted, items: Iterable[Item]) -> list[Event]:
    found = [
        Event.read(arrival.subject, sequence, time, arrival.headers, arrival.data)
        for sequence, time, _, arrival in items
        if wanted.takes(arrival.subject)
    ]
    return [event for event in found if event is not None]
