"""Everything that one seed plays on: loop, servers, machines, and the record of what happens."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from math import inf
from random import Random
from typing import Any, Final, TypeVar

from natya.manifest import Definition
from natya.ports.snapshots import Shape
from simulation.actors import Book, Purse
from simulation.loop import NothingToDo, SimulationLoop
from simulation.machine import Machine
from simulation.network import Link, Network
from simulation.plan import Plan
from simulation.process import Process
from simulation.store import SimulatedStore
from simulation.trace import Trace
from simulation.weather import Weather

T = TypeVar("T")

STEPS_TO_END: Final = 50_000

DEFINITIONS = [Definition.of(Book), Definition.of(Purse)]


class Stage:
    """Built from a plan; `machines` are there, and nothing runs yet. ``bugs`` are violations that show while it plays, ``clients``
    the clients' connections."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._processes: list[Process] = []
        self._numbers = plan.seed * 1_000
        server = self.process("server")
        store = self.process("store")
        self.loop = SimulationLoop(self.random("schedule"), server)
        self.loop.set_exception_handler(self._broken)
        self.trace = Trace(self.loop.time)
        self.weather = Weather(self.random("network"), self.loop.time, plan.latency)
        self.network = Network(self.loop, server, self.weather, seed=self.number(), random=self.random("reconnect"))
        self.server = server
        self.store = SimulatedStore(self.loop, store, self.random("store"))
        self.bugs: list[str] = []
        self.clients: list[Link] = []
        self.machines = [
            Machine(self, name, DEFINITIONS, plan.settings, skew=skew)
            for name, skew in zip(plan.names, plan.skews, strict=True)
        ]
        for definition in DEFINITIONS:
            self.network.make_kind(definition.kind, definition.partitions)

    def random(self, purpose: str) -> Random:
        """A source of chance for one purpose."""
        return Random(f"{self.plan.seed}/{purpose}")

    def number(self) -> int:
        """A number that nobody else has: the seed of somebody's ids."""
        self._numbers += 1
        return self._numbers

    def process(self, name: str) -> Process:
        process = Process(name)
        self._processes.append(process)
        return process

    async def prepare(self) -> None:
        """Make the store's collections."""
        for definition in DEFINITIONS:
            await self.store.prepare(Shape(definition.kind, definition.state_schema(), definition.indexes))

    def _broken(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """A callback raised, or a task ended with an error that nobody has seen."""
        error = context.get("exception")
        self.bugs.append(f"unhandled: {context.get('message')} {error!r}")

    def perform(self, play: Coroutine[Any, Any, T]) -> T:
        """Run the play to its end, in a process of its own."""
        task = self.loop.create_task(play, context=self.process("director").context)
        result: T = self.loop.run_until_complete(task)
        return result

    def strike_down(self) -> None:
        """End everything, also the dead: nothing is left that could run when this stage is forgotten."""
        self.loop.set_exception_handler(lambda loop, context: None)
        self.loop.steps_limit = self.loop.steps + STEPS_TO_END
        self.loop.time_limit = inf
        for process in self._processes:
            self.loop.resume(process)
        with suppress(NothingToDo):  # somebody does not let himself be ended: he is forgotten with the loop
            self.perform(self._end())
        self.loop.close()

    async def _end(self) -> None:
        for machine in self.machines:
            await machine.clear()
        while others := [task for task in self.loop.tasks if task is not asyncio.current_task()]:
            for task in others:
                task.cancel()
            await asyncio.wait(others, timeout=1.0)
