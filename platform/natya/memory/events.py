"""Events in the memory server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from natya.memory.bus import MemoryBus
from natya.memory.follow import wait_for_more
from natya.memory.stream import Stored, Stream
from natya.ports.bus import Disconnected, NoReply
from natya.ports.events import Event, EventReader, EventsGone, EventsUnavailable, Extent, Portion, Wanted, check_there

T = TypeVar("T")


class MemoryEvents:
    """Implements `natya.ports.events.EventStream` over one connection. ``timeout`` in seconds, for each request."""

    def __init__(self, bus: MemoryBus, *, timeout: float = 2.0) -> None:
        self.bus = bus
        stream = bus.broker.stream(bus.broker.subjects.events_stream)
        assert stream is not None, "a broker makes it"
        self.stream = stream
        self._timeout = timeout

    async def extent(self) -> Extent:
        return await self._ask(lambda stream: stream.extent)

    async def read(self, wanted: Wanted, *, after: int, through: int, limit: int) -> Portion:
        if after >= through:
            return Portion((), after)
        found = [stored for stored in await self.take(wanted, after, limit) if stored.sequence <= through]
        return Portion(_events(found), found[-1].sequence if len(found) == limit else through)

    def follow(self, wanted: Wanted, *, after: int) -> EventReader:
        return MemoryEventReader(self, wanted, after)

    async def take(self, wanted: Wanted, after: int, limit: int) -> Sequence[Stored]:
        """What is wanted after ``after``. Raises `EventsUnavailable`, `EventsGone`."""

        def look(stream: Stream) -> tuple[Extent, list[Stored]]:
            everything = stream.read(">", start=after + 1)
            return stream.extent, [stored for stored in everything if wanted.takes(stored.subject)][:limit]

        extent, found = await self._ask(look)
        check_there(after, extent)
        return found

    async def _ask(self, action: Callable[[Stream], T]) -> T:
        try:
            return await self.bus.trip(f"$JS.API.{self.stream.name}", lambda: action(self.stream), timeout=self._timeout)
        except (Disconnected, NoReply) as error:
            raise EventsUnavailable(str(error)) from error


class MemoryEventReader:
    """Implements `natya.ports.events.EventReader`."""

    def __init__(self, events: MemoryEvents, wanted: Wanted, after: int) -> None:
        self._events = events
        self._wanted = wanted
        self._after = after

    async def next(self, limit: int) -> Sequence[Event]:
        while True:
            try:
                found = await wait_for_more(
                    self._events.bus, self._events.stream, lambda: self._events.take(self._wanted, self._after, limit)
                )
            except NoReply as error:
                raise EventsUnavailable(str(error)) from error
            except EventsGone as gone:
                self._after = gone.first - 1
                raise
            self._after = found[-1].sequence
            if events := _events(found):
                return events

    async def close(self) -> None:
        """There is nothing to let go of."""


def _events(found: Iterable[Stored]) -> list[Event]:
    events = [Event.read(each.subject, each.sequence, each.time, each.headers, each.data) for each in found]
    return [event for event in events if event is not None]
