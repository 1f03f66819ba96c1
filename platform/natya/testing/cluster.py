"""Several nodes on one server in memory, all on one clock that stands still until it is told to move."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from itertools import count
from types import TracebackType
from typing import Final, Self

from natya.clock import Clock
from natya.manifest import Definition
from natya.memory import Faults, ManualClock, MemoryBroker, MemorySnapshots, SeededIds
from natya.ports.snapshots import Shape
from natya.settings import Settings
from natya.telemetry import Hook, Telemetry
from natya.testing.hosted import HostedNode

STEP: Final = 0.05
"""Seconds that `Cluster.until` lets pass between two looks."""


class Cluster:
    """The servers and the nodes. ``async with``: when it ends, the nodes end without clean-up.

    ``snapshots.available = False`` takes the store away; ``faults`` are asked about everything that goes over a connection.
    """

    def __init__(
        self,
        definitions: Sequence[Definition],
        *,
        nodes: int = 1,
        settings: Settings | None = None,
        faults: Faults | None = None,
        snapshots: MemorySnapshots | None = None,
        hooks: Sequence[Hook] = (),
        max_payload: int = 1 << 20,
        seed: int = 1,
    ) -> None:
        self.clock = ManualClock()
        self.faults = faults or Faults()
        self.snapshots = snapshots or MemorySnapshots(self.clock)
        self.broker = MemoryBroker(clock=self.clock, ids=SeededIds(seed), faults=self.faults, max_payload=max_payload)
        self.nodes: list[HostedNode] = []
        self._definitions = definitions
        self._settings = settings or Settings.model_construct()
        self._first = nodes
        self._telemetry = Telemetry(*hooks)
        self._numbers = count(1)
        self._seed = seed
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._open.enter_async_context(self.broker)
        self._open.push_async_callback(self._end)
        try:
            for definition in self._definitions:
                self.broker.make_kind(definition.kind, definition.partitions)
                if not definition.stateless:
                    await self.snapshots.prepare(Shape(definition.kind, definition.state_schema(), definition.indexes))
            for _ in range(self._first):
                self.start_node()
            await self.ready()
        except BaseException:
            await self._open.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def _end(self) -> None:
        for node in self.nodes:
            await node.crash()

    def start_node(
        self, name: str = "", *, clock: Clock | None = None, definitions: Sequence[Definition] | None = None
    ) -> HostedNode:
        """Start one more node; it serves when `ready` returns. ``clock`` if its time is not everybody's, ``definitions`` if its
        code is not: the same kinds in another version."""
        number = next(self._numbers)
        node = HostedNode(
            self.broker,
            self.snapshots,
            self._definitions if definitions is None else definitions,
            settings=self._settings.model_copy(update={"node": name or f"node{number}"}),
            clock=clock or self.clock,
            ids=SeededIds(1000 * self._seed + number),
            telemetry=self._telemetry,
        )
        self.nodes.append(node)
        return node

    async def crash(self, node: HostedNode) -> None:
        """End a node without any clean-up."""
        self.nodes.remove(node)
        await node.crash()

    async def stop(self, node: HostedNode) -> None:
        """End a node cleanly: it gives back what it has. A little time passes."""
        node.stop()
        await self.until(lambda: node.ended, what=f"{node.name} to end")
        self.nodes.remove(node)
        await node.crash()

    async def ready(self) -> None:
        """Let as much time pass as it takes until every partition is served by the node that should."""
        await self.until(self._all_served, what="every partition to be served")

    def _all_served(self) -> bool:
        wanted = sum(definition.partitions for definition in self._definitions)
        return all(node.ready for node in self.nodes) and (
            not self.nodes or sum(len(node.partitions) for node in self.nodes) == wanted
        )

    async def until(self, condition: Callable[[], object], *, limit: float = 60.0, what: str = "it") -> None:
        """Let time pass until ``condition()`` is true. Raises `TimeoutError` after ``limit`` seconds on the clock."""
        end = self.clock.boottime() + limit
        await self.clock.settle()
        while not condition():
            for node in self.nodes:
                node.check()
            if self.clock.boottime() >= end:
                raise TimeoutError(f"waited {limit:g} s on the clock for {what}")
            await self.clock.advance(STEP)

    async def settle(self, *, limit: float = 120.0) -> None:
        """Let everything that was sent be done, and what that sends too. Time passes only as far as retries need it. Raises
        `TimeoutError` after ``limit`` seconds on the clock."""
        await self.until(self._nothing_to_do, limit=limit, what="all mail to be done")

    def _nothing_to_do(self) -> bool:
        return at_rest(self.nodes, self._definitions, self.broker)


def at_rest(nodes: Sequence[HostedNode], definitions: Sequence[Definition], broker: MemoryBroker) -> bool:
    """Whether every partition is served and has nothing to do: no call, no mail, nothing uncommitted and nothing to send."""
    partitions = {(p.definition.kind, p.number): p for node in nodes for p in node.partitions}
    for definition in definitions:
        for number in range(definition.partitions):
            partition = partitions.get((definition.kind, number))
            if partition is None or partition.admission.pending or partition.outbox or not partition.committer.idle:
                return False
            position = partition.mailbag.position()
            if position.behind or position.head < _last_mail(broker, definition.kind, number):
                return False
    return True


def _last_mail(broker: MemoryBroker, kind: str, partition: int) -> int:
    stream = broker.stream(broker.subjects.mail_stream(kind))
    assert stream is not None
    letters = stream.read(broker.subjects.mail(kind, partition))
    return letters[-1].sequence if letters else 0
