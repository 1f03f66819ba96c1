"""The server in memory and the connections to it, as separate processes have them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Final

from natya.memory import Faults, MemoryBroker, MemoryBus, SeededIds
from simulation.clock import ProcessClock
from simulation.loop import SimulationLoop
from simulation.process import Process

PINGS: Final = 2.2
"""Seconds after which client and server give up a connection on which nothing comes."""
RECONNECT_EVERY: Final = 0.1


class Network(MemoryBroker):
    """One server. What happens in it happens in a process of its own. ``reachable`` says whether one may connect to it."""

    def __init__(self, loop: SimulationLoop, server: Process, faults: Faults, *, seed: int, random: Random) -> None:
        super().__init__(clock=ProcessClock(loop), ids=SeededIds(seed), faults=faults)
        self.loop = loop
        self.process = server
        self.random = random
        self.reachable = True
        self.links: list[Link] = []

    def later(self, seconds: float, callback: Callable[[], None]) -> None:
        self.loop.call_later(max(seconds, 0.0), callback, context=self.process.context)

    def connect(self, name: str, process: Process) -> Link:
        """A connection of this process."""
        link = process.context.run(Link, self, name, process)
        self.links.append(link)
        return link


class Link(MemoryBus):
    """The connection of one process. What arrives waits until the process looks at it. A break is made good by itself, as soon
    as the server can be reached; ``cut_until`` is the time before which it cannot from here."""

    def __init__(self, network: Network, name: str, process: Process) -> None:
        super().__init__(network, name)
        self._network = network
        self._process = process
        self.cut_until = 0.0

    def deliver(self, subject: str, arrive: Callable[[], object], *, sure: bool = False) -> None:
        super().deliver(subject, partial(self._in_process, arrive), sure=sure)

    def _in_process(self, callback: Callable[[], object]) -> None:
        self._network.loop.call_soon(callback, context=self._process.context)

    def break_off(self, *, lose: bool) -> None:
        """Break the connection. The server knows at once, the process as soon as it runs. ``lose`` loses what is on its way to
        the server, too."""
        self.sever(lose=lose)
        self._in_process(self.disconnect)
        self._try_later()

    def end(self) -> None:
        """The process is dead: its socket is closed, and what it had sent still arrives."""
        self.sever()
        self._network.links.remove(self)

    def _try_later(self) -> None:
        loop = self._network.loop
        pause = RECONNECT_EVERY * (0.5 + self._network.random.random())
        loop.call_later(pause, self._try, context=self._process.context)

    def _try(self) -> None:
        if self._network.reachable and self.cut_until <= self._network.loop.time():
            self.reconnect()
        else:
            self._try_later()
