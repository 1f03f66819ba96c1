"""One client's connection through the proxy: two ends, and a flow each way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from random import Random
from typing import cast

from natya_ops.chaos.proxy.flow import Ending, Flow, reset
from natya_ops.chaos.proxy.weather import Way, Weather


class End(asyncio.Protocol):
    """One end: what is read here goes into ``outgoing``, what ``incoming`` brings is written here."""

    def __init__(self, link: Link, outgoing: Flow, incoming: Flow) -> None:
        self._link = link
        self._outgoing = outgoing
        self._incoming = incoming
        self.transport: asyncio.Transport | None = None
        self.open = True
        self._said_all = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._outgoing.hold(self.transport)
        self._link.made(self)

    def data_received(self, data: bytes) -> None:
        self._outgoing.feed(data)

    def eof_received(self) -> bool:
        self._said_all = True
        self._outgoing.end(Ending.EOF)
        return True  # the other way may go on

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        self._incoming.sink_lost()
        if exc is not None or not self._said_all:
            self._outgoing.end(Ending.RESET)
        self._link.look()

    def pause_writing(self) -> None:
        self._incoming.fill(True)

    def resume_writing(self) -> None:
        self._incoming.fill(False)


class Link:
    """A client's connection and the one made for it to the server.

    ``arrived`` is called when the client is there, ``gone`` when both connections have ended.
    """

    def __init__(
        self,
        weather: Mapping[Way, Weather],
        random: Random,
        *,
        arrived: Callable[[Link], None],
        gone: Callable[[Link], None],
    ) -> None:
        self._flows = {way: Flow(weather[way], random, finished=self.look) for way in Way}
        up, down = self._flows[Way.TO_SERVER], self._flows[Way.TO_CLIENT]
        self.client = End(self, up, down)
        self.server = End(self, down, up)
        self._arrived = arrived
        self._gone = gone

    def made(self, end: End) -> None:
        """One of the ends is connected."""
        if end is self.client:
            self._arrived(self)
            return
        client, server = self.client.transport, self.server.transport
        assert client is not None
        assert server is not None
        if self.client.open:
            self._flows[Way.TO_SERVER].begin(server)
            self._flows[Way.TO_CLIENT].begin(client)
        else:
            reset(server)

    def change(self, weather: Mapping[Way, Weather]) -> None:
        """The weather changed."""
        for way, flow in self._flows.items():
            flow.change(weather[way])

    def reset(self) -> None:
        """End both connections at once, as if each had heard a RST from the other."""
        for end in (self.client, self.server):
            if end.transport is None:
                end.open = False
            elif end.open:
                reset(end.transport)
        self.look()

    def look(self) -> None:
        """See whether this is over."""
        if all(flow.ended for flow in self._flows.values()):
            for end in (self.client, self.server):
                if end.transport is not None:
                    end.transport.close()
        if not self.client.open and (self.server.transport is None or not self.server.open):
            self._gone(self)
