"""The live end of the stream, read once for all clients of the edge."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from natya.errors import Unavailable
from natya.ports.events import EventReader, EventsGone, EventStream, EventsUnavailable, Wanted
from natya_edge.live import sse
from natya_edge.live.interests import Interests
from natya_edge.live.subscriber import End, Subscriber

_PAUSE: Final = 0.2
_PORTION: Final = 100
"""Events that are handed out in one go; then the clients get their turn."""

_log = logging.getLogger("natya.edge")


class Tail:
    """Reads while it has subscribers. ``source`` gives the stream of events; it raises `Unavailable` while there is none.

    ``position``: everything up to there has been given to those who want it. ``trouble``: why nothing comes now, empty if all is well.
    """

    def __init__(self, source: Callable[[], EventStream]) -> None:
        self.position = 0
        self.trouble = ""
        self.subscribers: set[Subscriber] = set()
        self._source = source
        self._interests = Interests()
        self._starting = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._ended: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> bool:
        return self._task is not None

    async def join(self, subscriber: Subscriber) -> None:
        """Give this subscriber what comes from now on. Raises `Unavailable`."""
        async with self._starting:
            if self._task is None:
                try:
                    self.position = (await self._source().extent()).last
                except EventsUnavailable as error:
                    raise Unavailable(f"events cannot be read now: {error}", retry_after=1) from error
                self.trouble = ""
                self._task = asyncio.create_task(self._run(), name="events: tail")
                self._task.add_done_callback(self._over)
        subscriber.joined = self.position
        self.subscribers.add(subscriber)
        self._interests.add(subscriber)

    def leave(self, subscriber: Subscriber) -> None:
        """Does nothing the second time. With the last one the reading ends."""
        self.subscribers.discard(subscriber)
        self._interests.remove(subscriber)
        if not self.subscribers:
            self._stop()

    async def close(self) -> None:
        """End the reading and wait for that."""
        self._stop()
        await asyncio.gather(*self._ended, return_exceptions=True)

    def _stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            self._ended.add(task)
            task.add_done_callback(self._ended.discard)
            task.cancel()

    def _over(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("the reader of live events has failed", exc_info=error)
            self._task = None
            for subscriber in self.subscribers:
                subscriber.end(End.FAILED, "the edge failed; connect again")

    async def _run(self) -> None:
        while True:
            try:
                reader = self._source().follow(Wanted(), after=self.position)
                try:
                    await self._read(reader)
                finally:
                    await reader.close()
            except EventsGone as gone:
                _log.warning("live events: %s", gone.detail)
                message = sse.gap(self.position, gone.first, gone.detail)
                self.position = gone.first - 1
                for subscriber in self.subscribers:
                    subscriber.put(self.position, message)
            except (EventsUnavailable, Unavailable) as error:
                self.trouble = str(error)
                await asyncio.sleep(_PAUSE)

    async def _read(self, reader: EventReader) -> None:
        while True:
            events = await reader.next(_PORTION)
            self.trouble = ""
            for event in events:
                message = b""
                for subscriber in self._interests.find(event):
                    if subscriber.visible(event.kind, event.key):
                        message = message or sse.event(event)
                        subscriber.put(event.sequence, message)
                self.position = event.sequence
            await asyncio.sleep(0)
