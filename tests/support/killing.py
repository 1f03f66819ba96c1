"""Handlers that end their process, and somebody who buries it and starts another."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

from pydantic import BaseModel

from natya import Actor, StatelessActor, command, query
from natya.names import encode_key, partition_of
from natya.settings import Settings
from natya.telemetry import Hook
from natya.testing import TestPlatform
from support.trouble import Trouble

HALF_TIME = 0.1
"""Seconds that a deadly handler runs, so that others run beside it."""


class Lines(BaseModel):
    lines: list[str] = []


class Deaths:
    """Ends nodes as ``kill -9`` does when a deadly line is written, and starts them anew ``pause`` seconds later, as a supervisor
    does. ``runs`` counts how often each line's handler has begun, ``of`` which lines have killed how often, ``beside`` which
    others ran on the node then; ``deadly`` says after how many seconds a line kills."""

    def __init__(self, platform: TestPlatform, *, pause: float = 0.5) -> None:
        self._platform = platform
        self._pause = pause
        self._burials: set[asyncio.Task[None]] = set()
        self._begun: dict[str, str] = {}
        self.deadly: dict[str, float] = {}
        self.runs: Counter[str] = Counter()
        self.of: Counter[str] = Counter()
        self.beside: list[tuple[str, set[str]]] = []

    async def live(self, kind: str, key: str, line: str, seconds: float = 0.0) -> None:
        """What a handler does: it takes a while, and does not survive if the line is deadly."""
        self.runs[line] += 1
        name = self._node(kind, key)
        self._begun[line] = name
        try:
            await self._platform.clock.sleep(self.deadly.get(line, seconds))
            if line in self.deadly:
                await self._die(name, line)
        finally:
            self._begun.pop(line, None)

    async def _die(self, name: str, line: str) -> NoReturn:
        self.of[line] += 1
        self.beside.append((line, {other for other, where in self._begun.items() if where == name and other != line}))
        self.strike(name)
        await asyncio.Event().wait()
        raise AssertionError("nobody wakes the dead")

    def strike(self, name: str) -> None:
        """End a node, as what runs on it or somebody outside may do."""
        node = next(node for node in self._platform.cluster.nodes if node.name == name)
        node.bus.sever()
        burial = asyncio.ensure_future(self._bury(name))
        self._burials.add(burial)
        burial.add_done_callback(self._burials.discard)

    def where(self, line: str) -> str:
        """The node on which the line's handler runs now."""
        return self._begun[line]

    def _node(self, kind: str, key: str) -> str:
        for node in self._platform.cluster.nodes:
            for partition in node.partitions:
                number = partition_of(encode_key(key), partition.definition.partitions)
                if partition.definition.kind == kind and partition.number == number:
                    return node.name
        raise AssertionError(f"nobody serves {kind}/{key}")

    async def _bury(self, name: str) -> None:
        cluster = self._platform.cluster
        await cluster.crash(next(node for node in cluster.nodes if node.name == name))
        await self._platform.clock.sleep(self._pause)
        cluster.start_node(name)

    async def over(self) -> None:
        """Let all that died be started anew."""
        await self._platform.cluster.until(lambda: not self._burials, what="all burials")
        await self._platform.cluster.ready()


DEATHS: list[Deaths] = []


@asynccontextmanager
async def deadly_platform(
    *kinds: type[Actor[Lines]] | type[StatelessActor],
    nodes: int = 2,
    pause: float = 0.5,
    faults: Trouble | None = None,
    settings: Settings | None = None,
    hooks: tuple[Hook, ...] = (),
) -> AsyncIterator[tuple[TestPlatform, Deaths]]:
    """A platform whose nodes are started again when a handler has ended them."""
    chosen = kinds or (Mortal, Bystander)
    async with TestPlatform(*chosen, nodes=nodes, faults=faults, settings=settings, hooks=hooks) as platform:
        deaths = Deaths(platform, pause=pause)
        DEATHS.append(deaths)
        try:
            yield platform, deaths
        finally:
            DEATHS.remove(deaths)
            for burial in list(deaths._burials):
                burial.cancel()


class Mortal(Actor[Lines], partitions=1):
    """Writes down lines, of which some are deadly."""

    @command
    async def write(self, line: str, seconds: float = 0.0) -> int:
        await DEATHS[-1].live("mortal", self.key, line, seconds)
        self.state.lines.append(line)
        return len(self.state.lines)

    @command
    async def note(self, line: str) -> int:
        """Never suspends."""
        DEATHS[-1].runs[line] += 1
        self.state.lines.append(line)
        return len(self.state.lines)

    @command
    async def pass_on(self, key: str, line: str) -> int:
        """Ask another to write the line, and write it too."""
        DEATHS[-1].runs[f"pass {line}"] += 1
        await self.actor(Bystander, key).write(line=line)
        self.state.lines.append(f"pass {line}")
        return len(self.state.lines)

    @command
    async def fail(self, line: str) -> None:
        DEATHS[-1].runs[line] += 1
        raise RuntimeError(line)

    @query
    async def look(self, line: str, seconds: float = 0.0) -> list[str]:
        await DEATHS[-1].live("mortal", self.key, line, seconds)
        return self.state.lines

    @query
    async def read(self) -> list[str]:
        return self.state.lines


class Bystander(Actor[Lines], partitions=4):
    """Writes down lines, in other partitions."""

    @command
    async def write(self, line: str, seconds: float = 0.0) -> int:
        await DEATHS[-1].live("bystander", self.key, line, seconds)
        self.state.lines.append(line)
        return len(self.state.lines)

    @query
    async def read(self) -> list[str]:
        return self.state.lines


class Waker(Actor[Lines], partitions=1):
    """Has an `on_activate` that may be deadly."""

    async def on_activate(self) -> None:
        await DEATHS[-1].live("waker", self.key, f"wake {self.key}")

    @command
    async def write(self, line: str) -> int:
        self.state.lines.append(line)
        return len(self.state.lines)

    @query
    async def read(self) -> list[str]:
        return self.state.lines


class Passerby(StatelessActor, partitions=1):
    """Has no state: its asks are not journaled."""

    @command
    async def walk(self, line: str, seconds: float) -> str:
        await DEATHS[-1].live("passerby", self.key, line, seconds)
        return line
