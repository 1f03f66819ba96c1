"""Events without an end, for one who follows them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

from natya.clock import Clock
from natya.ports.events import Event, EventStream, EventsUnavailable, Wanted

_PAUSE: Final = 0.2
_PORTION: Final = 500


async def follow(
    events: EventStream, wanted: Wanted, clock: Clock, *, after: int | None, from_start: bool
) -> AsyncGenerator[Event, None]:
    """What is wanted behind sequence ``after``; without one, what comes from now on, or all that is kept. While the stream cannot be
    read it waits. Raises `EventsGone`."""
    while after is None:
        try:
            extent = await events.extent()
            after = extent.first - 1 if from_start else extent.last
        except EventsUnavailable:
            await clock.sleep(_PAUSE)
    reader = events.follow(wanted, after=after)
    try:
        while True:
            try:
                found = await reader.next(_PORTION)
            except EventsUnavailable:
                await clock.sleep(_PAUSE)
                continue
            for each in found:
                yield each
    finally:
        await reader.close()
