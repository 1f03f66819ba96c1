"""The proxy: it listens, connects onwards, and is told what is wrong."""

from __future__ import annotations

import asyncio
from random import Random
from types import TracebackType
from typing import Final, Self

from natya_ops.chaos.proxy.link import Link
from natya_ops.chaos.proxy.weather import BOTH, Trouble, Way, Weather
from natya_ops.servers.ports import HOST, free_port

TRIES: Final = 5


class Proxy:
    """Stands between one client process and one server: ``async with Proxy(port) as proxy``, and the client is given
    ``proxy.port`` instead.

    Each method that makes trouble returns a `Trouble`: it lasts until its own ``heal``, or the proxy's. Troubles add up, and
    apply to connections that are there and to later ones. Leaving ends all connections with RST.

    A server that cannot be reached is heard by the client as a connection that is accepted and then reset.
    """

    def __init__(self, target: int, *, host: str = HOST, random: Random | None = None) -> None:
        self._target = (host, target)
        self._random = random or Random()
        self._troubles: list[Trouble] = []
        self._weather = dict.fromkeys(Way, Weather())
        self._links: dict[Link, asyncio.Task[None] | None] = {}
        self._passable = asyncio.Event()
        self._passable.set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._server: asyncio.Server | None = None
        self._closed = False
        self.port = 0

    async def __aenter__(self) -> Self:
        if self._server is not None:
            raise RuntimeError("this proxy was started already")
        loop = asyncio.get_running_loop()
        for last in [False] * (TRIES - 1) + [True]:
            self.port = free_port()
            try:
                self._server = await loop.create_server(lambda: self._link().client, HOST, self.port)
                break
            except OSError:  # taken since it was found free
                if last:
                    raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self._closed = True
        connecting = [task for task in self._links.values() if task is not None]
        for task in connecting:
            task.cancel()
        self.reset_connections()
        await asyncio.gather(*connecting, return_exceptions=True)
        await self._empty.wait()
        await self._server.wait_closed()

    @property
    def connections(self) -> int:
        """How many clients are connected now."""
        return len(self._links)

    def delay(self, seconds: float, jitter: float = 0.0, ways: frozenset[Way] = BOTH) -> Trouble:
        """Everything takes ``seconds`` longer, and up to ``jitter`` seconds more by chance. Nothing overtakes."""
        return self._begin(Weather(delay=seconds, jitter=jitter), ways)

    def throttle(self, rate: float, ways: frozenset[Way] = BOTH) -> Trouble:
        """No connection passes more than ``rate`` bytes a second in a direction."""
        if rate <= 0:
            raise ValueError(f"a rate of {rate} bytes a second: it must be positive; for nothing at all there is black_hole")
        return self._begin(Weather(rate=rate), ways)

    def black_hole(self) -> Trouble:
        """Packets vanish both ways: no byte, no end of a connection and no new connection gets through."""
        return self._begin(Weather(hole=True), BOTH)

    def one_way(self, lost: Way) -> Trouble:
        """Packets of the direction ``lost`` vanish. New connections do not come about."""
        return self._begin(Weather(hole=True), frozenset({lost}))

    def reset(self, *, refuse: bool = True) -> Trouble:
        """End every connection with RST; with ``refuse`` also every new one, until healed."""
        trouble = self._begin(Weather(), BOTH, refuses=refuse)
        self.reset_connections()
        return trouble

    def reset_connections(self) -> None:
        """End every connection with RST, once."""
        for link in list(self._links):
            link.reset()

    def heal(self) -> None:
        """All is well again."""
        self._troubles.clear()
        self._change()

    def _begin(self, weather: Weather, ways: frozenset[Way], *, refuses: bool = False) -> Trouble:
        trouble = Trouble(weather, ways, refuses=refuses, healed=self._end)
        self._troubles.append(trouble)
        self._change()
        return trouble

    def _end(self, trouble: Trouble) -> None:
        if trouble in self._troubles:
            self._troubles.remove(trouble)
            self._change()

    def _change(self) -> None:
        self._weather = {way: Weather.of(t.weather for t in self._troubles if way in t.ways) for way in Way}
        if any(weather.hole for weather in self._weather.values()):
            self._passable.clear()
        else:
            self._passable.set()
        for link in list(self._links):
            link.change(self._weather)

    def _link(self) -> Link:
        return Link(self._weather, self._random, arrived=self._arrived, gone=self._gone)

    def _arrived(self, link: Link) -> None:
        self._empty.clear()
        self._links[link] = None
        link.change(self._weather)
        if self._closed or any(trouble.refuses for trouble in self._troubles):
            link.reset()
        else:
            self._links[link] = asyncio.create_task(self._connect(link), name=f"connect to port {self._target[1]}")

    async def _connect(self, link: Link) -> None:
        await self._passable.wait()
        try:
            await asyncio.get_running_loop().create_connection(lambda: link.server, *self._target)
        except OSError:
            link.reset()

    def _gone(self, link: Link) -> None:
        task = self._links.pop(link, None)
        if task is not None:
            task.cancel()
        if not self._links:
            self._empty.set()
