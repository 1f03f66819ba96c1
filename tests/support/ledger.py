"""The actor that scenarios are played on: it writes down what it was told, in order, and can be held, broken and nested."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import BaseModel

from natya import Actor, Reject, StatelessActor, command, query


class Lines(BaseModel):
    lines: list[str] = []


class Stage:
    """What a test holds in its hand. ``runs`` counts how often a line's handler has begun; a slow handler waits at the gate
    of its line; a line in ``broken`` raises, as often as said."""

    def __init__(self) -> None:
        self.runs: Counter[str] = Counter()
        self.gates: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.broken: Counter[str] = Counter()
        self.activations_fail = 0

    def begin(self, line: str) -> None:
        self.runs[line] += 1
        if self.broken[line]:
            self.broken[line] -= 1
            raise RuntimeError(f"{line} is broken")


STAGE = Stage()


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """A clean stage."""
    STAGE.__init__()  # type: ignore[misc]
    yield STAGE


class Ledger(Actor[Lines], partitions=1):
    """One partition, so that actors share a journal."""

    @command
    async def write(self, line: str) -> int:
        STAGE.begin(line)
        self.state.lines.append(line)
        return len(self.state.lines)

    @command
    async def write_slowly(self, line: str) -> int:
        """Writes half of the line, waits at its gate, writes the rest."""
        STAGE.runs[line] += 1
        self.state.lines.append(f"{line}/half")
        await STAGE.gates[line].wait()
        if STAGE.broken[line]:
            STAGE.broken[line] -= 1
            raise RuntimeError(f"{line} is broken")
        self.state.lines[-1] = line
        return len(self.state.lines)

    @command
    async def refuse(self, line: str) -> int:
        STAGE.begin(line)
        self.state.lines.append(line)
        raise Reject("refused", f"{line} is refused after {len(self.state.lines)} lines")

    @command
    async def write_unless(self, line: str, present: str) -> int:
        if present in self.state.lines:
            raise Reject("present", f"{present} is there already")
        return await self.write(line)

    @command
    async def fill(self, size: int) -> int:
        self.state.lines = ["x" * size]
        return size

    @command
    async def forward(self, to: str, line: str) -> int:
        """Ask an actor of another partition, wait at the line's gate, write."""
        STAGE.runs[line] += 1
        count = await self.actor(Other, to).write(line)
        await STAGE.gates[line].wait()
        self.state.lines.append(f"{line}>{to}")
        return count

    @command
    async def relay(self, path: list[str], line: str) -> list[str]:
        """Ask the first of the path to relay to the rest; the last writes the line. Each waits at the gate of its own key."""
        await STAGE.gates[self.key].wait()
        if not path:
            self.state.lines.append(line)
            return [self.key]
        return [self.key, *await self.actor(Ledger, path[0]).relay(path=path[1:], line=line)]

    @command
    async def pass_on(self, to: str, line: str) -> None:
        STAGE.begin(line)
        self.state.lines.append(f"{line}>{to}")
        self.actor(Ledger, to).write.tell(line=line)
        self.emit("passed", {"line": line})

    @query
    async def read(self) -> list[str]:
        return self.state.lines

    @query
    async def read_slowly(self, gate: str) -> list[str]:
        await STAGE.gates[gate].wait()
        return self.state.lines


class Other(Actor[Lines], partitions=1):
    """Another kind, with its own journal."""

    @command
    async def write(self, line: str) -> int:
        STAGE.begin(line)
        self.state.lines.append(line)
        return len(self.state.lines)

    @command
    async def pass_on(self, to: str, line: str) -> None:
        self.emit("passed", {"line": line})

    @query
    async def read(self) -> list[str]:
        return self.state.lines


class Waking(Actor[Lines], partitions=1):
    """Has an `on_activate` that can fail."""

    async def on_activate(self) -> None:
        if STAGE.activations_fail:
            STAGE.activations_fail -= 1
            raise RuntimeError("cannot wake up")

    @command
    async def write(self, line: str) -> int:
        self.state.lines.append(line)
        return len(self.state.lines)

    @query
    async def read(self) -> list[str]:
        return self.state.lines


class Echo(StatelessActor, partitions=1):
    """Keeps nothing."""

    @command
    async def note(self, line: str) -> None:
        STAGE.begin(line)
        self.actor(Ledger, "echoes").write.tell(line=f"{self.key}:{line}")
