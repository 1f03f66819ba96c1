"""The counting of suspects over a real committer and a journal that can be held, on a node with one neighbour."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from natya import StatelessActor, command
from natya.manifest import Definition
from natya.memory import ManualClock
from natya.message import Answer, Message
from natya.ports.journal import Record
from natya.runtime.batch import Header, decode
from natya.runtime.commit import Committer
from natya.runtime.counts import Counts, line_of
from natya.runtime.gate import Gate
from natya.runtime.quiet import Exempt, Quiet, nobody
from natya.runtime.stage import Stage
from natya.runtime.trials import Trials
from natya.runtime.turn import Turn
from support.fake_world import ABSENT, fake_world


class Plain(StatelessActor, partitions=1):
    @command
    async def run(self) -> None:
        return None


class HeldJournal:
    """Stores while ``open`` is set. ``tries`` are the counts in what it has stored, as (id, count)."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.records: list[bytes] = []

    @property
    def tries(self) -> list[tuple[str, int]]:
        return [(line["id"], line["n"]) for record in self.records for line in decode(record).tries]

    async def append(self, kind: str, partition: int, data: bytes, *, expected: int) -> int:
        await self.open.wait()
        self.records.append(data)
        return expected + 1

    async def last(self, kind: str, partition: int) -> Record | None:
        return None


class Neighbour:
    """Something else that runs handlers on the node."""

    def __init__(self) -> None:
        self.pauses: list[Exempt] = []
        self.is_busy = False
        self.chained: set[str] = set()

    def pause(self, exempt: Exempt = nobody) -> None:
        self.pauses.append(exempt)

    def resume(self, exempt: Exempt = nobody) -> None:
        self.pauses.remove(exempt)

    def awaited(self, message: Message) -> bool:
        return bool(self.chained & set(message.chain))

    def busy(self, beside: Message) -> bool:
        return self.is_busy


class Bench:
    """Trials over a real committer, on a node with one neighbour."""

    def __init__(self, clock: ManualClock, tasks: asyncio.TaskGroup, counts: Counts, unclean: int, deaths: int) -> None:
        self.clock = clock
        self.journal = HeldJournal()
        self.world = fake_world(clock, journal=self.journal)
        self.quiet = Quiet(clock)
        self.neighbour = Neighbour()
        self.quiet.join(self.neighbour)
        self.committer = Committer(
            self.world, Gate(2, 1 << 20), Header(1, "me", "fence"), kind="plain", partition=0, last=9, owner=self
        )
        self._tasks = tasks
        self.tasks = [self.spawn(self.committer.run()), self.spawn(self.quiet.run())]
        stage = Stage(self.world, Definition.of(Plain), 0, ABSENT, ABSENT, ABSENT, ABSENT, self.spawn)
        self.trials = Trials(stage, self.committer, self.quiet, counts, unclean=unclean, deaths=lambda since: deaths)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self._tasks.create_task(work)

    def counted(self, tries: Any, sequence: int) -> None:
        self.trials.counted(tries, sequence)

    def committed(self, turns: Any, starts: Any, sequence: int, header: Header) -> None:
        self.trials.committed(turns)

    def header(self) -> tuple[int, str, None]:
        return 0, "", None

    async def begun(self, turn: Turn) -> asyncio.Task[None]:
        task = self.spawn(self.trials.begin(turn))
        await self.clock.settle()
        return task

    async def ended(self, turn: Turn, following: Turn | None = None) -> None:
        """The handler has returned."""
        turn.settle(Answer(b"null"), version=1, mail=0, state=None, outgoing=None)
        self.committer.add(turn)
        await self.trials.end(turn, following)


@asynccontextmanager
async def bench(counts: dict[str, int] | None = None, *, unclean: int = 0, deaths: int = 0) -> AsyncIterator[Bench]:
    """``counts``: those found in the journal, by id. ``deaths``: of processes since then."""
    clock = ManualClock()
    found = Counts()
    found.take([line_of(("a", id), n, 0, clock.now_ms()) for id, n in (counts or {}).items()], 5)
    async with asyncio.TaskGroup() as tasks:
        made = Bench(clock, tasks, found, unclean, deaths)
        yield made
        made.trials.drop()
        for task in made.tasks:
            task.cancel()


def turn_of(id: str = "x", *, key: str = "a", attempt: int = 1, chain: tuple[str, ...] = ()) -> Turn:
    message = Message("plain", key, 0, "run", b"", id=id, sent=1, attempt=attempt, chain=chain)
    turn = Turn(message, None, {}, "", None)
    turn.suspect = True
    return turn
