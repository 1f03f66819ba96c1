"""A machine on which a node runs, is killed, stopped and started anew."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from traceback import format_exception
from typing import TYPE_CHECKING

from natya.manifest import Definition
from natya.memory import SeededIds
from natya.settings import Settings
from natya.telemetry import Telemetry
from natya.testing.hosted import HostedNode
from simulation.clock import ProcessClock
from simulation.network import Link
from simulation.process import Process, State

if TYPE_CHECKING:
    from simulation.stage import Stage


class Machine:
    """One node's place. ``node`` is what runs there now, None if nothing does. The clock is the machine's: it goes on."""

    def __init__(
        self, stage: Stage, name: str, definitions: Sequence[Definition], settings: Settings, *, skew: float
    ) -> None:
        self.name = name
        self._stage = stage
        self._definitions = definitions
        self._settings = settings.model_copy(update={"node": name})
        self._clock = ProcessClock(stage.loop, skew=skew, booted=1000 * abs(skew))
        self.process: Process | None = None
        self.link: Link | None = None
        self.node: HostedNode | None = None
        self._hosted: list[HostedNode] = []

    def start(self) -> None:
        """Start the node. Does nothing if it runs."""
        if self.node is not None:
            return
        stage = self._stage
        self.process = stage.process(self.name)
        self.link = stage.network.connect(self.name, self.process)
        stage.trace.add(self.name, "started")
        self.node = self.process.context.run(self._host, self.link, stage.number())
        self._hosted.append(self.node)

    def _host(self, link: Link, number: int) -> HostedNode:
        stage = self._stage
        return HostedNode(
            stage.network, stage.store, self._definitions,
            settings=self._settings, clock=self._clock, ids=SeededIds(number),
            telemetry=Telemetry(stage.trace.hook(self.name)), bus=link,
        )  # fmt: skip

    def kill(self) -> None:
        """SIGKILL: nothing of it runs any more. Does nothing if nothing runs."""
        if self.process is None or self.link is None:
            return
        self._stage.trace.add(self.name, "killed")
        self.process.state = State.DEAD
        self.link.end()
        self.process = self.link = self.node = None

    def kill_in(self, steps: int) -> None:
        """Kill it after so many further steps."""
        process = self.process
        if process is not None:
            process.doom(steps, lambda: self.kill() if self.process is process else None)

    def stop(self) -> None:
        """SIGTERM: it hands everything back and ends. `reap` when it has."""
        if self.node is not None and self.process is not None:
            self._stage.trace.add(self.name, "told to stop")
            self.process.context.run(self.node.stop)

    def reap(self) -> bool:
        """Whether a node that was told to stop has ended; its place is free then."""
        if self.node is None or self.process is None or self.link is None:
            return True
        if not self.node.ended:
            return False
        self.check()
        self.process.state = State.DEAD
        self.link.end()
        self.process = self.link = self.node = None
        return True

    def check(self) -> None:
        """Note what the node died of, if it did: nothing that happens around it is a reason to."""
        try:
            if self.node is not None:
                self.node.check()
        except Exception as error:  # noqa: BLE001 - the top of a process
            self._stage.bugs.append(f"{self.name} died: {''.join(format_exception(error))}")

    async def clear(self) -> None:
        """End whatever ever ran here."""
        for node in self._hosted:
            while not node.ended:
                with suppress(Exception):
                    async with asyncio.timeout(1.0):
                        await node.crash()

    def freeze(self) -> None:
        """SIGSTOP."""
        if self.process is not None and self.process.state is State.RUNNING:
            self.process.state = State.STOPPED

    def thaw(self) -> None:
        """SIGCONT."""
        if self.process is not None and self.process.state is State.STOPPED:
            self._stage.loop.resume(self.process)
