"""Two versions of the code of one kind, and a cluster in which both run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from pydantic import BaseModel

from natya import Actor, Reject, command, migration, query
from natya.manifest import Definition
from natya.runtime.batch import decode
from natya.runtime.claiming import owner_key
from natya.telemetry.events import Event
from natya.testing import HostedNode, TestPlatform
from support.trouble import HeldSnapshots

PARTITIONS = 8
KEYS = [f"k{number}" for number in range(24)]


class Whole(BaseModel):
    name: str = ""
    changes: int = 0


class Old(Actor[Whole], kind="person", partitions=PARTITIONS):
    @command
    async def rename(self, name: str) -> int:
        self.state.name = name
        self.state.changes += 1
        return self.state.changes

    @query
    async def name(self) -> str:
        return self.state.name


class Split(BaseModel):
    first: str = ""
    last: str = ""
    changes: int = 0


class New(Actor[Split], kind="person", partitions=PARTITIONS, schema=2):
    @migration(from_schema=1)
    def split(state: dict[str, Any]) -> dict[str, Any]:
        first, _, last = state.pop("name").partition(" ")
        return {**state, "first": first, "last": last}

    @command
    async def rename(self, name: str) -> int:
        self.state.first, _, self.state.last = name.partition(" ")
        self.state.changes += 1
        return self.state.changes

    @command
    async def swap(self) -> int:
        """Only this version has it."""
        self.state.first, self.state.last = self.state.last, self.state.first
        self.state.changes += 1
        return self.state.changes

    @command
    async def touch(self) -> None:
        """Changes nothing."""

    @command
    async def refuse(self) -> None:
        raise Reject("refused")

    @query
    async def name(self) -> str:
        return f"{self.state.first} {self.state.last}"


OLD, NEW = [Definition.of(Old)], [Definition.of(New)]


class Skewed:
    """A cluster of both versions. Every key is renamed once at first."""

    def __init__(self, platform: TestPlatform, seen: list[Event]) -> None:
        self.platform = platform
        self.cluster = platform.cluster
        self.clock = platform.clock
        self.seen = seen

    def start(self, name: str, definitions: list[Definition]) -> HostedNode:
        return self.cluster.start_node(name, definitions=definitions)

    def nodes(self, definitions: list[Definition]) -> list[HostedNode]:
        return [node for node in self.cluster.nodes if node._node._definitions is definitions]

    def numbers(self, definitions: list[Definition]) -> set[int]:
        """The partitions that nodes of this version serve."""
        return {partition.number for node in self.nodes(definitions) for partition in node.partitions}

    def newer(self) -> set[int]:
        """The partitions whose states are, or may be, of the newer form."""
        found = set()
        for number in range(PARTITIONS):
            entry = self.cluster.broker.bucket("natya_cluster").get(owner_key("person", number))
            if entry is not None and entry.value and orjson.loads(entry.value)["schema"] == 2:
                found.add(number)
        return found

    async def rename(self, name: str) -> list[int]:
        """Give every key this name, at the same time; what each said."""
        asked = [asyncio.ensure_future(self.platform.actor(New, key).rename(name=name)) for key in KEYS]
        while not all(task.done() for task in asked):
            await self.clock.advance(0.05)
        return [task.result() for task in asked]

    async def names(self) -> set[str]:
        return {(await self.platform.actor(New, key).name()).strip() for key in KEYS}

    def forms_never_fall(self) -> bool:
        """Whether in no journal a record of the older form follows one of the newer."""
        for number in range(PARTITIONS):
            stream = self.cluster.broker.stream(self.cluster.broker.subjects.journal_stream("person", number % 4))
            assert stream is not None
            records = stream.read(self.cluster.broker.subjects.journal("person", number))
            forms = [decode(record.data).header.schema for record in records]
            if forms != sorted(forms):
                return False
        return True


@asynccontextmanager
async def skewed(*, old: int, new: int, snapshots: HeldSnapshots | None = None) -> AsyncIterator[Skewed]:
    """First there are only old nodes; the new ones come when every key has a state."""
    seen: list[Event] = []
    async with TestPlatform(New, nodes=0, hooks=[seen.append], snapshots=snapshots) as platform:
        both = Skewed(platform, seen)
        for number in range(old):
            both.start(f"n{number}", OLD)
        await platform.cluster.ready()
        assert await both.rename("Ada Lovelace") == [1] * len(KEYS)
        for number in range(new):
            both.start(f"n{old + number}", NEW)
        await platform.cluster.ready()
        yield both
        assert both.forms_never_fall()
