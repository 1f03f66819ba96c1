"""Requests that wait for their reply: one inbox for all, a token for each."""

from __future__ import annotations

import asyncio
from itertools import count

from nats.nuid import NUID

from natya.jetstream.parser import Arrival
from natya.ports.bus import NoReply


class Replies:
    """The waiting requests of one connection. ``prefix`` begins every subject that replies come to."""

    def __init__(self, inbox: str) -> None:
        self.prefix = f"{inbox}.{NUID().next().decode()}."
        self._loop = asyncio.get_running_loop()
        self._tokens = count(1)
        self._waiting: dict[str, asyncio.Future[Arrival]] = {}

    @property
    def filter(self) -> str:
        """What to subscribe to for all replies."""
        return f"{self.prefix}*"

    def new_token(self) -> str:
        """A token not used before on this connection."""
        return f"{next(self._tokens):x}"

    async def wait(self, token: str, subject: str, timeout: float) -> Arrival:
        """Await the reply to ``prefix + token``; to be called at once after the request to ``subject`` was sent. Raises
        `NoReply` after ``timeout`` seconds."""
        future: asyncio.Future[Arrival] = self._loop.create_future()
        self._waiting[token] = future
        timer = self._loop.call_later(timeout, self._expire, future, subject, timeout)
        try:
            return await future
        finally:
            timer.cancel()
            self._waiting.pop(token, None)

    def arrived(self, reply: Arrival) -> None:
        """Hand a reply over; one that nobody waits for (any more) is dropped."""
        future = self._waiting.pop(reply.subject[len(self.prefix) :], None)
        if future is not None and not future.done():
            future.set_result(reply)

    def fail(self, reason: str) -> None:
        """End all requests that wait with `NoReply`."""
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(NoReply(reason))

    @staticmethod
    def _expire(future: asyncio.Future[Arrival], subject: str, timeout: float) -> None:
        if not future.done():
            future.set_exception(NoReply(f"no reply from {subject} within {timeout:g} s"))
