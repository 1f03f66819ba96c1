"""A client's place in the fan-out: what is to be sent to it and has not been taken yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Final

from natya.ports.events import Wanted

_OVERHEAD: Final = 100
"""Bytes that a message in a buffer costs beside its own."""

Connected = Callable[[], bool]
"""Whether the client is still there, as far as is known."""

Visible = Callable[[str, str], bool]
"""Whether events of a kind and key may be seen."""


Message = tuple[int, bytes]
"""A position, and what brings a client there."""


class End(StrEnum):
    """Why a stream ends."""

    SLOW = "slow"
    """The client takes too little, or nothing."""
    TOKEN = "token"
    """The token that the stream was opened with has expired or was revoked."""
    STOPPING = "stopping"
    """The edge ends."""
    FAILED = "failed"
    """A bug."""
    GONE = "gone"
    """There is no client any more."""


class Ended(Exception):
    """Raised in a session when its stream is to end."""

    def __init__(self, end: End, detail: str) -> None:
        super().__init__(detail)
        self.end = end
        self.detail = detail


class Subscriber:
    """Takes messages from the tail without ever waiting, at most ``limit`` bytes of them; the session takes them out again.

    ``joined`` is the position up to which the session has to read for itself: everything wanted behind it comes here. When the buffer
    is full it is emptied and ``joined`` moves up. ``skip`` is a position up to which the client has had everything from elsewhere.
    """

    def __init__(self, wanted: Wanted, visible: Visible, connected: Connected, limit: int) -> None:
        self.wanted = wanted
        self.visible = visible
        self.connected = connected
        self.joined = 0
        self.skip = 0
        self.ended: Ended | None = None
        self._limit = limit
        self._messages: list[Message] = []
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None
        self._scope: asyncio.Timeout | None = None

    def put(self, sequence: int, message: bytes) -> None:
        """One more message; an event's, or word of a gap before it."""
        if sequence <= self.skip:
            return
        self._messages.append((sequence, message))
        self._size += len(message) + _OVERHEAD
        if self._size > self._limit:
            self._messages.clear()
            self._size = 0
            self.joined = sequence
        self._wake()

    def take(self) -> list[Message]:
        """All that waits."""
        messages, self._messages = self._messages, []
        self._size = 0
        return messages

    def end(self, end: End, detail: str) -> None:
        """Let the session end, now, also while it waits for its client. The first reason counts."""
        if self.ended is None:
            self.ended = Ended(end, detail)
            self._wake()
            if self._scope is not None and not self._scope.expired():
                self._scope.reschedule(asyncio.get_running_loop().time())

    async def wait(self, seconds: float) -> None:
        """Wait until there is something to take, at most so long. Raises `Ended`."""
        if not self._messages and self.ended is None:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(seconds):
                    await self._waiter
            except TimeoutError:
                pass
            finally:
                self._waiter = None
        self.check()

    def check(self) -> None:
        """Raises `Ended` if the stream is to end."""
        if self.ended is not None:
            raise self.ended

    @asynccontextmanager
    async def limited(self, seconds: float | None) -> AsyncIterator[None]:
        """A time limit for what is done inside, which `end` cuts short. Raises `TimeoutError`."""
        async with asyncio.timeout(seconds) as scope:
            self._scope = scope
            try:
                yield
            finally:
                self._scope = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
