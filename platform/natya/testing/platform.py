"""`TestPlatform`: what a test of one's own actors needs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from natya.actor import AnyActor
from natya.client import DEFAULT_TIMEOUT, Platform
from natya.manifest import Definition
from natya.memory import Faults, ManualClock, MemoryBus, MemoryEvents, MemoryRegistry, MemorySnapshots, SeededIds
from natya.message import Answer
from natya.outcome import Outcome
from natya.ref import Options
from natya.runtime.kinds import KindsWatch
from natya.settings import Settings
from natya.telemetry import Hook
from natya.testing.cluster import Cluster
from natya.testing.observed import DeadLetter, Event

T = TypeVar("T")

PATIENCE: Final = 5.0
"""Real seconds that a call waits while the clock stands still."""


class TimeStandsStill(Exception):
    """Raised when a call waits for time to pass, and nobody lets it."""


class TestPlatform(Platform):
    """The whole platform in this process: ``async with TestPlatform(Account) as platform:``, then as with `natya.connect`.

    Everything but the servers is real, so ids, retries, turns, commits and take-over are too. Time stands still except in
    ``clock.advance(seconds)`` and where a method here says so. `events` and `dead_letters` are what was published so far.
    ``nodes`` is the number of nodes, ``settings`` are theirs (of the environment nothing is read), ``timeout`` the default of
    calls in seconds, ``hooks`` are told every telemetry event, ``max_payload`` is the servers' limit in bytes. The same
    ``seed`` gives the same ids and the same chances.
    """

    __test__ = False  # for pytest: not a test, though its name begins like one

    def __init__(
        self,
        *actors: type[AnyActor],
        nodes: int = 1,
        settings: Settings | None = None,
        faults: Faults | None = None,
        snapshots: MemorySnapshots | None = None,
        hooks: Sequence[Hook] = (),
        max_payload: int = 1 << 20,
        timeout: float = DEFAULT_TIMEOUT,
        seed: int = 1,
    ) -> None:
        definitions = [Definition.of(actor) for actor in actors]
        self.cluster = Cluster(
            definitions, nodes=nodes, settings=settings, faults=faults, snapshots=snapshots, hooks=hooks,
            max_payload=max_payload, seed=seed,
        )  # fmt: skip
        self.bus = MemoryBus(self.cluster.broker, "client")
        subjects = self.cluster.broker.subjects
        registry = MemoryRegistry(self.bus, subjects.kinds_bucket)
        members = MemoryRegistry(self.bus, subjects.cluster_bucket)
        self._watch = KindsWatch(registry)
        events, ids = MemoryEvents(self.bus), SeededIds(seed + 1)
        super().__init__(self.bus, subjects, self._watch, registry, members, events, self.cluster.clock, ids, timeout)

    async def __aenter__(self) -> Self:
        await self.cluster.__aenter__()
        await self._watch.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._watch.close()
        await self.bus.close()
        await self.cluster.__aexit__(kind, error, traceback)

    @property
    def clock(self) -> ManualClock:
        """``await platform.clock.advance(3600)`` lets an hour pass, with everything that is due in it."""
        return self.cluster.clock

    @property
    def snapshots(self) -> MemorySnapshots:
        """The store: ``snapshots.available = False`` takes it away."""
        return self.cluster.snapshots

    @property
    def events(self) -> list[Event]:
        """Every event that was published, oldest first."""
        return [Event.read(stored) for stored in self.cluster.broker.events]

    @property
    def dead_letters(self) -> list[DeadLetter]:
        """Every message that was given up, oldest first."""
        return [DeadLetter.read(stored) for stored in self.cluster.broker.dead_letters]

    async def settle(self, *, limit: float = 120.0) -> None:
        """Wait until all mail is done and everything sent has left. If something must be tried again later, time passes
        until it is done or given up; raises `TimeoutError` after ``limit`` seconds on the clock."""
        await self.cluster.settle(limit=limit)

    async def crash(self) -> None:
        """Kill every node without any clean-up and start as many anew; they take over from the journal. Time passes until
        the old ones' leases have ended."""
        names = [node.name for node in self.cluster.nodes]
        for node in list(self.cluster.nodes):
            await self.cluster.crash(node)
        for name in names:
            self.cluster.start_node(name)
        await self.cluster.ready()

    async def restart(self) -> None:
        """Stop every node cleanly and start as many anew."""
        names = [node.name for node in self.cluster.nodes]
        for node in list(self.cluster.nodes):
            await self.cluster.stop(node)
        for name in names:
            self.cluster.start_node(name)
        await self.cluster.ready()

    async def call(
        self,
        kind: str,
        key: str,
        method: str,
        body: bytes,
        options: Options,
        *,
        caller: str = "",
        traceparent: str = "",
        exclusive: bool = False,
        unserved: Callable[[], None] | None = None,
    ) -> Answer:
        """See `Platform.call`. Raises `TimeStandsStill` instead of waiting for ever."""
        work = super().call(
            kind, key, method, body, options,
            caller=caller, traceparent=traceparent, exclusive=exclusive, unserved=unserved,
        )  # fmt: skip
        return await self._attended(work)

    async def store(
        self,
        kind: str,
        key: str,
        method: str,
        body: bytes,
        options: Options,
        headers: Mapping[str, str] | None = None,
        *,
        caller: str = "",
        traceparent: str = "",
    ) -> int:
        """See `Platform.store`. Raises `TimeStandsStill` instead of waiting for ever."""
        work = super().store(kind, key, method, body, options, headers, caller=caller, traceparent=traceparent)
        return await self._attended(work)

    async def outcome(self, kind: str, key: str, id: str, *, wait: float = 0.0, timeout: float = 5.0) -> Outcome:
        """See `Platform.outcome`. Raises `TimeStandsStill` instead of waiting for ever."""
        return await self._attended(super().outcome(kind, key, id, wait=wait, timeout=timeout))

    async def _attended(self, work: Coroutine[Any, Any, T]) -> T:
        """Await ``work``, but not for ever while the clock stands still or a node has died."""
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                before = self.clock.boottime()
                await asyncio.wait({task}, timeout=PATIENCE)
                for node in self.cluster.nodes:
                    node.check()
                if not task.done() and self.clock.boottime() == before:
                    raise TimeStandsStill(
                        f"no answer after {PATIENCE:g} s in which the clock stood still: start the call as a task, then "
                        "`await platform.clock.advance(…)`, then await the task"
                    )
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
