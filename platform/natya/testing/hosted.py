"""One node of a cluster in memory: the real runtime, over a connection of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from natya.clock import Clock, Ids
from natya.manifest import Definition
from natya.memory import MemoryBroker, MemoryBus, MemoryJournal, MemoryMail, MemoryRegistry
from natya.node import Node
from natya.ports.snapshots import Snapshots
from natya.runtime.partition import Partition
from natya.runtime.world import World
from natya.settings import Settings
from natya.telemetry import Telemetry


class HostedNode:
    """A node that runs from the moment it is made, over ``bus`` or a connection of its own. ``name`` is also what `Faults`
    know that by."""

    def __init__(
        self,
        broker: MemoryBroker,
        snapshots: Snapshots,
        definitions: Sequence[Definition],
        *,
        settings: Settings,
        clock: Clock,
        ids: Ids,
        telemetry: Telemetry,
        bus: MemoryBus | None = None,
    ) -> None:
        self.name = settings.node
        self.bus = bus or MemoryBus(broker, self.name)
        subjects = broker.subjects
        self.world = World(
            settings=settings,
            subjects=subjects,
            clock=clock,
            ids=ids,
            telemetry=telemetry,
            bus=self.bus,
            journal=MemoryJournal(self.bus, timeout=settings.append_timeout),
            mail=MemoryMail(self.bus),
            cluster=MemoryRegistry(self.bus, subjects.cluster_bucket),
            kinds=MemoryRegistry(self.bus, subjects.kinds_bucket),
            snapshots=snapshots,
        )
        self._stop = asyncio.Event()
        self._node = Node(self.world, definitions)
        self._task = asyncio.create_task(self._node.run(self._stop), name=f"node {self.name}")

    @property
    def ready(self) -> bool:
        """Whether it serves what placement gives it. Raises what the node died of."""
        self.check()
        return self._node.ready

    @property
    def ended(self) -> bool:
        """Whether it runs no more."""
        return self._task.done()

    @property
    def partitions(self) -> list[Partition]:
        """The partitions that it serves now, of all kinds."""
        return self._node.partitions

    def check(self) -> None:
        """Raises what the node died of, if it did."""
        if self._task.done() and not self._task.cancelled() and (error := self._task.exception()) is not None:
            raise error

    def stop(self) -> None:
        """Tell it to hand everything back and end, as SIGTERM does; that takes a little time on the clock."""
        self._stop.set()

    async def crash(self) -> None:
        """End it as ``kill -9`` does: its connection is gone at once, and nothing is cleaned up. Does nothing twice."""
        await self.bus.close()
        self._task.cancel()
        await asyncio.wait({self._task})
        self.check()
