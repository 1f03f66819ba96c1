"""A world in memory: no server, and a clock that moves only when told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from natya.memory import (
    Faults,
    ManualClock,
    MemoryBroker,
    MemoryBus,
    MemoryEvents,
    MemoryJournal,
    MemoryMail,
    MemoryRegistry,
    SeededIds,
)
from natya.ports.bus import Bus


class MemoryWorld:
    """Implements `support.world.World`."""

    def __init__(self, broker: MemoryBroker, clock: ManualClock) -> None:
        self.broker = broker
        self.clock = clock
        self.subjects = broker.subjects
        self.home = MemoryBus(broker, "home")
        self.journal = MemoryJournal(self.home)
        self.mail = MemoryMail(self.home)
        self.events = MemoryEvents(self.home)
        self.registry = MemoryRegistry(self.home, broker.subjects.cluster_bucket)

    async def bus(self) -> MemoryBus:
        return MemoryBus(self.broker)

    async def make_kind(self, kind: str, partitions: int) -> None:
        self.broker.make_kind(kind, partitions)

    async def trim_events(self, *, before: int) -> None:
        self.events.stream.purge(">", before=before)

    async def cut(self, bus: Bus) -> None:
        assert isinstance(bus, MemoryBus)
        bus.disconnect()

    async def restore(self, bus: Bus) -> None:
        assert isinstance(bus, MemoryBus)
        bus.reconnect()

    async def elapse(self, seconds: float) -> None:
        await self.clock.advance(seconds)


@asynccontextmanager
async def memory_world(faults: Faults | None = None, *, max_payload: int = 1 << 20) -> AsyncIterator[MemoryWorld]:
    """A world on a broker of its own."""
    clock = ManualClock()
    async with MemoryBroker(clock=clock, ids=SeededIds(1), faults=faults, max_payload=max_payload) as broker:
        yield MemoryWorld(broker, clock)
