"""A thread that notices when the event loop does not run, and names the handler that holds it.

**Problem.** A handler that computes or waits without ``await`` holds every actor of its node, and the lease: it must be named
while it does, because afterwards its stack is gone. **Idea.** The loop notes the time four times a second; a thread looks at the
note, and at the stack of the loop's thread when the note is old. **Failures.** When the whole process was stopped (SIGSTOP, a
sleeping machine), or a C function kept the interpreter's lock, the thread itself is late; it then gives the loop time to begin
anew, and what happened meanwhile stays unnamed.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from natya.telemetry import Telemetry
from natya.telemetry.eventlog import write
from natya.telemetry.events import LoopBlocked

LOOKS = 4
"""Looks, and notes of the loop, within one limit."""


@contextmanager
def watch_loop(telemetry: Telemetry, *, limit: float = 1.0) -> Iterator[None]:
    """Watch the running loop while inside. A loop that has not run for ``limit`` seconds is logged at once, from the thread;
    when it runs again, `LoopBlocked` is raised on it with the whole time."""
    dog = _Watchdog(asyncio.get_running_loop(), telemetry, limit)
    dog.start()
    try:
        yield
    finally:
        dog.stop()


class _Watchdog:
    def __init__(self, loop: asyncio.AbstractEventLoop, telemetry: Telemetry, limit: float) -> None:
        self._loop = loop
        self._telemetry = telemetry
        self._limit = limit
        self._every = limit / LOOKS
        self._loop_thread = threading.get_ident()
        self._noted = time.monotonic()
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="natya watchdog", daemon=True)

    def start(self) -> None:
        self._note()
        self._thread.start()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._stopped.set()
        self._thread.join()

    def _note(self) -> None:
        self._noted = time.monotonic()
        self._timer = self._loop.call_later(self._every, self._note)

    def _watch(self) -> None:
        looked = began = time.monotonic()
        where = ""
        while not self._stopped.wait(self._every):
            now = time.monotonic()
            if now - looked > 2 * self._every:
                began = now
            looked = now
            if self._noted > began:
                if where:
                    self._over(LoopBlocked(self._noted - began, where))
                    where = ""
                began = self._noted
            elif not where and now - began > self._limit:
                where = place_of(self._loop_thread)
                write(logging.WARNING, LoopBlocked(now - began, where))

    def _over(self, event: LoopBlocked) -> None:
        self._loop.call_soon_threadsafe(self._telemetry.raise_event, event)


def place_of(thread: int) -> str:
    """What a thread does now: the handler, if one runs, and the innermost place in Python code."""
    frames = list(_frames(sys._current_frames().get(thread)))
    if not frames:
        return "unknown"
    innermost = _text(frames[-1])
    handler = _handler(frames)
    if handler is None or handler is frames[-1]:
        return innermost
    return f"{_text(handler)}, in {innermost}"


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    """The stack, outermost first."""
    found = []
    while frame is not None:
        found.append(frame)
        frame = frame.f_back
    return reversed(found)


def _handler(frames: list[FrameType]) -> FrameType | None:
    """Where the runtime has called code that is not the platform's own."""
    inside = False
    for frame in frames:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith("natya."):
            inside = inside or module.startswith("natya.runtime.")
        elif inside:
            return frame
    return None


def _text(frame: FrameType) -> str:
    code = frame.f_code
    return f"{frame.f_globals.get('__name__', '?')}.{code.co_qualname} ({code.co_filename}:{frame.f_lineno})"
