"""A cluster of real processes, each of which a test may kill, stop and start again: NATS, the store, workers. No edge.

It starts in a few seconds and ends at once: what is left running at the end is killed.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from natya_ops.servers import NatsServer, StoreServer
from natya_ops.up.programs import NATYA, Worker
from support.waiting import until

TESTS = str(Path(__file__).parents[1])
APPLICATION = "support.actors_for_tests"


class Cluster:
    """``async with Cluster(folder)``: returns when all workers serve. ``environment`` is for the workers."""

    def __init__(
        self, folder: Path, *, workers: int = 3, app: str = APPLICATION, environment: Mapping[str, str] | None = None
    ) -> None:
        self._folder = folder
        self._app = app
        self._environment = dict(environment or {})
        self._count = workers
        self.nats = NatsServer(folder / "nats")
        self.store = StoreServer(folder / "store")
        self.workers: list[Worker] = []

    async def __aenter__(self) -> Self:
        try:
            await asyncio.gather(self.nats.start(), self.store.start())
            self.workers = [self.new_worker(f"worker-{number}") for number in range(1, self._count + 1)]
            await asyncio.gather(*(worker.start() for worker in self.workers))
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def _end(self) -> None:
        await asyncio.gather(*(child.stop(0) for child in (*self.workers, self.store, self.nats)))

    def new_worker(self, name: str, *, app: str = "", **environment: str) -> Worker:
        """A worker of this cluster, not started yet. Whoever starts it puts it into ``workers``."""
        return Worker(
            name,
            self._folder / f"{name}.log",
            program=(*NATYA, "worker", "--app", app or self._app),
            environment={
                "NATYA_NATS": self.nats.url,
                "NATYA_STORE": self.store.url,
                "PYTHONPATH": TESTS,
                **self._environment,
                **environment,
            },
        )

    def worker(self, node: str) -> Worker:
        """The worker whose node has this name, or whose incarnation this is."""
        found = [worker for worker in self.workers if node == worker.name or node.startswith(f"{worker.name}-")]
        assert len(found) == 1, f"{node} is none of {[worker.name for worker in self.workers]}"
        return found[0]


async def logged(worker: Worker, text: str) -> None:
    """Wait until the worker's log has this text."""

    async def log() -> str:
        return worker.log.read_text(errors="replace")

    await until(log, lambda found: text in found)


def freeze(worker: Worker) -> None:
    """SIGSTOP."""
    worker.process.signal(signal.SIGSTOP)


def thaw(worker: Worker) -> None:
    """SIGCONT."""
    worker.process.signal(signal.SIGCONT)
