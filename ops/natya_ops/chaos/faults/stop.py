"""A worker stands still and then goes on, as if nothing had happened: it must find out that it has been replaced."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from natya_ops.chaos.ground import Ground


class Stop:
    name = "stop"
    summary = "SIGSTOP a worker for a while, then SIGCONT"

    def possible(self, ground: Ground) -> str | None:
        return None if ground.workers else "there is no worker"

    @asynccontextmanager
    async def strike(self, ground: Ground, random: Random) -> AsyncIterator[str]:
        worker = random.choice(ground.workers)
        pid = await ground.processes.living(worker)
        with ground.processes.stopped(worker):
            yield f"{worker} (pid {pid})"
