"""The edge is killed: its callers' connections break in the middle of whatever they were asking."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from natya_ops.chaos.ground import Ground


class Edge:
    name = "edge"
    summary = "SIGKILL the HTTP edge; it is started again"

    def possible(self, ground: Ground) -> str | None:
        return None

    @asynccontextmanager
    async def strike(self, ground: Ground, random: Random) -> AsyncIterator[str]:
        pid = await ground.processes.living("edge")
        ground.processes.send("edge", signal.SIGKILL)
        yield f"the edge (pid {pid})"
        await ground.processes.successor("edge", pid)
