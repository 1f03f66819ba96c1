"""The disk of NATS is slow: every commit waits for it. Not in the default set, as tracing alone slows a process down."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from natya_ops.chaos.ground import Ground
from natya_ops.chaos.ground.slow_sync import why_not


class Fsync:
    name = "fsync"
    summary = "make every fsync of nats-server slow, by strace"

    def possible(self, ground: Ground) -> str | None:
        return why_not()

    @asynccontextmanager
    async def strike(self, ground: Ground, random: Random) -> AsyncIterator[str]:
        seconds = random.uniform(0.01, 0.2)
        pid = await ground.processes.living("nats")
        async with ground.sync.slowed(pid, seconds):
            yield f"each fsync of nats-server {seconds * 1000:.0f} ms slower (pid {pid})"
