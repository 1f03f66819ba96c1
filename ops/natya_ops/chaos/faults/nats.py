"""The NATS server fails: nobody reaches anybody until it is back."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from natya_ops.chaos.ground import Ground


class Nats:
    name = "nats"
    summary = "kill nats-server, or stop it for a while; it is started again"

    def possible(self, ground: Ground) -> str | None:
        return None

    @asynccontextmanager
    async def strike(self, ground: Ground, random: Random) -> AsyncIterator[str]:
        how = random.choice(("killed", "stopped", "killed and kept down") if ground.own else ("killed", "stopped"))
        pid = await ground.processes.living("nats")
        said = f"{how} (pid {pid})"
        match how:
            case "killed":
                ground.processes.send("nats", signal.SIGKILL)
                yield said
                await ground.processes.successor("nats", pid)
            case "stopped":
                with ground.processes.stopped("nats"):
                    yield said
            case _:
                async with ground.processes.down("nats"):
                    yield said
        await ground.answers("nats")
