"""What a contract suite needs of an adapter: one small world with a server in it.

Each adapter has a module here that makes one: `support.memory_world` and `support.jetstream_world`. Every world is a
world of its own: its namespace or its server is used by one test only.

Both are asynchronous context managers: ``memory_world()``, and ``jetstream_world(url)`` on the server of the ``nats_url``
fixture.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from natya.clock import Clock
from natya.names import Subjects
from natya.ports.bus import Bus
from natya.ports.events import EventStream
from natya.ports.journal import Journal
from natya.ports.lease import Registry
from natya.ports.mail import Mail


class World(Protocol):
    """A server, and one connection to it on which journal, mail, events and registry work."""

    @property
    def clock(self) -> Clock: ...
    @property
    def subjects(self) -> Subjects: ...
    @property
    def home(self) -> Bus:
        """The connection of `journal`, `mail`, `events` and `registry`."""
        ...

    @property
    def journal(self) -> Journal: ...
    @property
    def mail(self) -> Mail: ...
    @property
    def events(self) -> EventStream: ...
    @property
    def registry(self) -> Registry:
        """An empty bucket."""
        ...

    async def bus(self) -> Bus:
        """A new connection; closed when the world ends."""
        ...

    async def make_kind(self, kind: str, partitions: int) -> None:
        """Make the streams of a kind; those for events and dead letters are there."""
        ...

    async def trim_events(self, *, before: int) -> None:
        """Forget events with a sequence below ``before``, as the stream's limits do."""
        ...

    async def cut(self, bus: Bus) -> None:
        """Break the connection of a bus; when this returns the bus knows, and it stays so until `restore`."""
        ...

    async def restore(self, bus: Bus) -> None:
        """Let a cut bus connect again; when this returns it has."""
        ...

    async def elapse(self, seconds: float) -> None:
        """Let time pass: on a manual clock at once, else really."""
        ...


async def eventually(condition: Callable[[], object], *, limit: float = 10.0) -> None:
    """Wait until ``condition()`` is true; fail after ``limit`` real seconds."""
    async with asyncio.timeout(limit):
        while not condition():
            await asyncio.sleep(0.002)
