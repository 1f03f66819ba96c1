"""Reading a stream without an end: one pass after another.

A pass that breaks is not mended (see `natya.jetstream.pull`): the next one starts behind the last message that was received, at
once while there is a connection, and as soon as there is one again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from natya.jetstream.connection import Connection
from natya.jetstream.pull import Broken, Item, Pull, open_pull

PASSES: Final = 2
"""Passes that may break while one waits for messages, before one says that they cannot be had."""

_WAIT: Final = 1.0
"""Seconds to wait for a lost connection."""


class Follow:
    """The messages of some subjects of a stream, from sequence ``start`` on."""

    def __init__(
        self, connection: Connection, stream: str, subjects: str | Sequence[str], *, start: int, portion: int
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._subjects = subjects
        self._start = start
        self._portion = portion
        self._pull: Pull | None = None
        self._closed = False

    @property
    def running(self) -> bool:
        """Whether there is a pass."""
        return self._pull is not None

    async def open(self) -> None:
        """Begin a pass. Raises `Broken`."""
        if self._closed:
            raise Broken("the reader is closed")
        if not await self._connection.wait_connected(_WAIT):
            raise Broken("not connected to NATS")
        self._pull, _ = await open_pull(
            self._connection, self._stream, self._subjects, start=self._start, portion=self._portion
        )

    async def next(self, limit: int) -> list[Item]:
        """Wait for messages; at least one and at most ``limit``. Raises `Broken`: the next call begins another pass."""
        if self._pull is None:
            await self.open()
        pull = self._pull
        assert pull is not None
        try:
            items = await pull.next(limit)
        except Broken:
            pull.close()
            if self._pull is pull:
                self._pull = None
            raise
        self._start = items[-1].sequence + 1
        return items

    def jump(self, start: int) -> None:
        """Go on at ``start``, with another pass."""
        self._start = start
        if self._pull is not None:
            self._pull.close()
            self._pull = None

    def close(self) -> None:
        """Let go, without waiting. Does nothing the second time."""
        self._closed = True
        if self._pull is not None:
            self._pull.close()
