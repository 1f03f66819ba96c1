"""A partition that changes hands on a stage: two nodes in memory of which the second should have it as soon as it is there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from random import Random

from natya.memory import MemorySnapshots
from natya.message import Answer
from natya.runtime.placement import place
from natya.settings import Settings
from natya.telemetry.events import Event, HandedOver, PartitionClaimed, PartitionReleased
from natya.testing import HostedNode, TestPlatform
from support.ledger import Echo, Ledger, Other
from support.trouble import Rule, Trouble

GIVER = "giver"
KINDS = ("ledger", "other", "echo")
TAKER = next(
    name
    for name in (f"taker{number}" for number in count())
    if all(place(kind, [1], {GIVER: 1, name: 1}) == [name] for kind in KINDS)
)
"""A name to which every kind's only partition goes if the giver is the other one."""


class Play:
    """The platform, its trouble maker, and what was heard. At first there is only the giver, and it has everything."""

    def __init__(self, platform: TestPlatform, trouble: Trouble, seen: list[Event]) -> None:
        self.platform = platform
        self.cluster = platform.cluster
        self.clock = platform.clock
        self.trouble = trouble
        self.seen = seen

    @property
    def giver(self) -> HostedNode:
        return self._node(GIVER)

    @property
    def taker(self) -> HostedNode:
        return self._node(TAKER)

    def _node(self, name: str) -> HostedNode:
        return next(node for node in self.cluster.nodes if node.name == name)

    def owner(self, kind: str = "ledger") -> str:
        """Who serves the kind's only partition; empty if nobody does, or while one gives it to the other."""
        names = [n.name for n in self.cluster.nodes for p in n.partitions if p.definition.kind == kind]
        return names[0] if len(names) == 1 else ""

    def handed_over(self, kind: str = "ledger") -> list[HandedOver]:
        return [event for event in self.seen if isinstance(event, HandedOver) and event.kind == kind]

    def claimed(self, kind: str = "ledger") -> list[PartitionClaimed]:
        return [event for event in self.seen if isinstance(event, PartitionClaimed) and event.kind == kind]

    def released(self, kind: str = "ledger") -> list[str]:
        return [event.reason for event in self.seen if isinstance(event, PartitionReleased) and event.kind == kind]

    async def enter(self, *, wait: bool = True) -> HostedNode:
        """The taker comes. When this returns, it has everything if ``wait``."""
        node = self.cluster.start_node(TAKER)
        if wait:
            await self.has_all(TAKER)
        return node

    async def leave(self) -> None:
        """The taker leaves, while somebody else lets time pass."""
        taker = self.taker
        taker.stop()
        while not taker.ended:
            await self.clock.sleep(0.01)
        self.cluster.nodes.remove(taker)

    async def has_all(self, name: str) -> None:
        """Let time pass until this node serves all kinds."""
        await self.cluster.until(lambda: all(self.owner(kind) == name for kind in KINDS), what=f"{name} to have all")

    async def at(self, rule: Rule) -> None:
        """Let time pass until this rule has been applied."""
        while not rule.seen:
            await self.clock.advance(0.001)
            assert self.clock.boottime() < 60, "it never came to that"

    async def plain(self, key: str, method: str, body: bytes = b"", *, timeout: float = 5.0) -> Answer:
        """One request as the stock command line sends it: no id, no repeat."""
        return Answer.read(await self.platform.bus.request(f"natya.ask.ledger.{key}.{method}", body, timeout=timeout))


@asynccontextmanager
async def a_play(
    *, settings: Settings | None = None, snapshots: MemorySnapshots | None = None, max_payload: int = 1 << 20
) -> AsyncIterator[Play]:
    """Begins when the giver serves everything."""
    trouble, seen = Trouble(), list[Event]()
    async with TestPlatform(
        Ledger, Other, Echo, nodes=0, faults=trouble, hooks=[seen.append],
        settings=settings, snapshots=snapshots, max_payload=max_payload,
    ) as platform:  # fmt: skip
        platform.cluster.start_node(GIVER)
        await platform.cluster.ready()
        try:
            yield Play(platform, trouble, seen)
        finally:
            await cleared(platform, trouble)


def weather(trouble: Trouble, seed: int, most: float = 0.003) -> None:
    """Everything takes a little time, each way and not always the same: what happens at the same time happens in any order."""
    chance = Random(seed)
    for way in (trouble.sent, trouble.delivered):
        way.append(Rule("*", "*", lambda: chance.random() * most))


async def cleared(platform: TestPlatform, trouble: Trouble) -> None:
    """No trouble any more, and what is still under way arrives."""
    trouble.clear()
    await platform.clock.advance(1)
