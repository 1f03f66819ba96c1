"""The bytes of one connection that go one way."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from random import Random
from typing import Final

from natya_ops.chaos.proxy.weather import Weather

MOST_HELD: Final = 256 << 10
"""Bytes under way at which nothing more is read from the source: it then meets a full window, as it would without us."""
SLICE: Final = 0.02
"""Seconds' worth of bytes that a limited rate lets pass at once."""


class Ending(Enum):
    """How a source ended: it has no more to say; or its connection is gone."""

    EOF = 1
    RESET = 2


class Flow:
    """From ``source`` to ``sink``, in order. The end of the source travels behind its bytes, and is held up as they are.

    In a hole nothing is read, so bytes wait where TCP's own would wait for being sent again: with the sender, until its buffers
    are full. When the hole is healed in time they arrive, when the connection was given up meanwhile they do not.

    ``ended`` is true, and ``finished`` called, when the sink has heard of the end or is gone itself.
    """

    def __init__(self, weather: Weather, random: Random, *, finished: Callable[[], None]) -> None:
        self._weather = weather
        self._fine = weather.fine
        self._random = random
        self._finished = finished
        self._loop = asyncio.get_running_loop()
        self._source: asyncio.Transport | None = None
        self._sink: asyncio.Transport | None = None
        self._queue: deque[tuple[float, bytes | Ending]] = deque()
        self._held = 0  # bytes in the queue
        self._last = 0.0  # when the last of the queue is due: nothing overtakes
        self._free = 0.0  # when a limited rate lets the next bytes pass
        self._timer: asyncio.TimerHandle | None = None
        self._full = False
        self._reading = False
        self._lost = False  # the sink was there and is gone
        self.ended = False

    def hold(self, source: asyncio.Transport) -> None:
        """The source is there, and has to wait for the sink."""
        self._source = source
        source.pause_reading()

    def begin(self, sink: asyncio.Transport) -> None:
        """The sink is there as well."""
        self._sink = sink
        self._pump()

    def feed(self, data: bytes) -> None:
        """The source sent something."""
        if self._sink is not None and not self._queue and self._fine:
            self._sink.write(data)
            return
        if self._sink is None and self._source is not None:
            self._source.pause_reading()  # uvloop begins to read after connection_made, whatever was said there
        self._held += len(data)
        self._enqueue(data)

    def end(self, ending: Ending) -> None:
        """The source ended. A reset may follow an EOF."""
        self._source = None
        self._enqueue(ending)

    def change(self, weather: Weather) -> None:
        """The weather changed."""
        self._weather = weather
        self._fine = weather.fine
        self._pump()

    def fill(self, full: bool) -> None:
        """Whether the buffer of the sink is full."""
        self._full = full
        self._pump()

    def sink_lost(self) -> None:
        """The connection of the sink is gone, and with it what was on its way there."""
        self._sink = None
        self._lost = True
        self._queue.clear()
        self._held = 0
        self._rest()
        self._end()

    def _enqueue(self, item: bytes | Ending) -> None:
        if self._lost:
            return
        now = self._loop.time()
        self._last = max(self._last, now + self._weather.delay + self._weather.jitter * self._random.random())
        self._queue.append((self._last, item))
        self._pump()

    def _pump(self) -> None:
        """Pass on what may pass, and come back when the next may."""
        self._rest()
        while self._queue and self._sink is not None and not self._full and not self._weather.hole:
            due, item = self._queue[0]
            if self._weather.rate != float("inf"):
                due = max(due, self._free)
            if not self._fine and self._loop.time() < due:
                self._timer = self._loop.call_at(due, self._pump)
                break
            self._queue.popleft()
            if isinstance(item, Ending):
                self._finish(item, self._sink)
            else:
                self._pass(due, item, self._sink)
        self._attend()

    def _pass(self, due: float, data: bytes, sink: asyncio.Transport) -> None:
        rate = self._weather.rate
        if rate != float("inf"):
            most = max(1, int(rate * SLICE))
            if len(data) > most:
                self._queue.appendleft((due, data[most:]))
                data = data[:most]
            self._free = self._loop.time() + len(data) / rate
        self._held -= len(data)
        sink.write(data)

    def _finish(self, ending: Ending, sink: asyncio.Transport) -> None:
        if ending is Ending.RESET:
            reset(sink)
        elif not sink.is_closing():
            with suppress(OSError):  # the sink was reset a moment ago and has not told yet
                sink.write_eof()
        self._end()

    def _end(self) -> None:
        if not self.ended:
            self.ended = True
            self._finished()

    def _attend(self) -> None:
        """Read from the source, or let it wait."""
        source = self._source
        if source is None or source.is_closing() or self._sink is None:
            return
        reading = not (self._full or self._weather.hole or self._held > MOST_HELD)
        if reading != self._reading:
            self._reading = reading
            if reading:
                source.resume_reading()
            else:
                source.pause_reading()

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def reset(transport: asyncio.Transport) -> None:
    """End a connection with RST, whatever was not sent yet."""
    if not transport.is_closing():
        endpoint = transport.get_extra_info("socket")
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
