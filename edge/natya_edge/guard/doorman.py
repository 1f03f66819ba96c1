"""Who may connect, and who has to go.

There is room for so many connections in all, and for so many from one address, so that whoever takes all he can get leaves room for
others. Beyond that a connection is answered with a problem at once and ended. When three quarters of the room are taken, those
who dawdle have a tenth of their time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from math import ceil
from typing import Final, Self

from natya.clock import Ids
from natya.errors import NatyaError, Overloaded
from natya_edge.errors import TooManyConnections
from natya_edge.guard.addresses import Proxies
from natya_edge.guard.connection import Connection
from natya_edge.guard.response_headers import plain_headers
from natya_edge.guard.settings import GuardSettings

_LOOKS: Final = 1.0
"""Seconds between two looks at all connections: 2 ms of work for 10,000."""
_CROWDED: Final = 0.75
_TURNED_AWAY: Final = 100
"""How many may be read to their end, so that they get to see why they are turned away; others are just dropped."""
_FAREWELL: Final = 1.0


class Doorman:
    """Counts connections and looks after their deadlines, while it is entered."""

    HURRY: Final = 10

    def __init__(self, settings: GuardSettings, proxies: Proxies, ids: Ids) -> None:
        self.settings = settings
        self.headers: Mapping[str, str] = plain_headers(settings)
        self.ids = ids
        self._proxies = proxies
        self._inside: set[Connection] = set()
        self._from: dict[str, int] = {}
        self._leaving = 0
        self._look: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self._schedule()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._look is not None:
            self._look.cancel()

    def __len__(self) -> int:
        """How many connections there are."""
        return len(self._inside)

    def enter(self, connection: Connection) -> NatyaError | None:
        """Count one in, or say why not."""
        settings = self.settings
        if len(self._inside) >= settings.connections:
            return Overloaded(f"all {settings.connections} connections are taken", retry_after=1)
        address = self._proxies.read(connection.address)
        there = self._from.get(address.counted, 0)
        if there >= settings.connections_per_address and not address.trusted:
            most = settings.connections_per_address
            return TooManyConnections(f"your address has {most} connections: at most {most} are taken", retry_after=1)
        self._inside.add(connection)
        self._from[address.counted] = there + 1
        return None

    def leave(self, connection: Connection) -> None:
        """Count one out."""
        if connection not in self._inside:
            return
        self._inside.remove(connection)
        counted = self._proxies.read(connection.address).counted
        left = self._from[counted] - 1
        if left:
            self._from[counted] = left
        else:
            del self._from[counted]

    def turn_away(self, transport: asyncio.Transport, answer: bytes) -> None:
        """Answer a connection that may not enter."""
        if self._leaving >= _TURNED_AWAY:
            transport.abort()
            return
        self._leaving += 1
        transport.set_protocol(_TurnedAway(self, transport))
        transport.write(answer)
        if transport.can_write_eof():
            transport.write_eof()

    def gone(self) -> None:
        """One that was turned away has left."""
        self._leaving -= 1

    def _schedule(self) -> None:
        settings = self.settings
        shortest = min(_LOOKS * 4, settings.head_timeout, settings.idle_timeout, settings.write_timeout)
        self._look = asyncio.get_running_loop().call_later(shortest / 4, self._look_round)

    def _look_round(self) -> None:
        self._schedule()
        now = asyncio.get_running_loop().time()
        crowded = len(self._inside) >= ceil(self.settings.connections * _CROWDED)
        for connection in list(self._inside):
            connection.check(now, crowded=crowded)


class _TurnedAway(asyncio.Protocol):
    """Reads what still comes, so that the answer is not lost with it, until the other side has closed or a moment is over."""

    def __init__(self, doorman: Doorman, transport: asyncio.Transport) -> None:
        self._doorman = doorman
        self._end = asyncio.get_running_loop().call_later(_FAREWELL, transport.abort)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._end.cancel()
        self._doorman.gone()
