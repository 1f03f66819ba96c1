"""A worker is told to end: it hands everything off, leaves, and comes back, as in a rolling restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from natya_ops.chaos.ground import Ground


class Drain:
    name = "drain"
    summary = "SIGTERM a worker: it drains, ends and is started again"

    def possible(self, ground: Ground) -> str | None:
        return None if ground.workers else "there is no worker"

    @asynccontextmanager
    async def strike(self, ground: Ground, random: Random) -> AsyncIterator[str]:
        worker = random.choice(ground.workers)
        pid = await ground.processes.living(worker)
        ground.processes.terminate(worker)
        yield f"{worker} (pid {pid})"
        await ground.processes.successor(worker, pid)
