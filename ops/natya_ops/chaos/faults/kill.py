"""A worker is killed: no farewell, no flush."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from natya_ops.chaos.ground import Ground


class Kill:
    name = "kill"
    summary = "SIGKILL a worker; it is started again"

    def possible(self, ground: Ground) -> str | None:
        return None if ground.workers else "there is no worker"

    @asynccontextmanager
    async def strike(self, ground: Ground, random: Random) -> AsyncIterator[str]:
        worker = random.choice(ground.workers)
        pid = await ground.processes.living(worker)
        ground.processes.send(worker, signal.SIGKILL)
        yield f"{worker} (pid {pid})"
        await ground.processes.successor(worker, pid)
