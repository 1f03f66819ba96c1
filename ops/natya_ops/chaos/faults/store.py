"""The store fails, or nobody can reach it: resident actors and take-over go on without it."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from random import Random

from natya_ops.chaos.ground import Ground


class Store:
    name = "store"
    summary = "kill the store, stop it for a while, or cut everybody off from it"

    def possible(self, ground: Ground) -> str | None:
        return None

    @asynccontextmanager
    async def strike(self, ground: Ground, random: Random) -> AsyncIterator[str]:
        joined = ("killed", "stopped")
        how = random.choice((*joined, "killed and kept down", "cut off", "refuses connections") if ground.own else joined)
        pid = await ground.processes.living("store")
        said = f"{how} (pid {pid})"
        match how:
            case "killed":
                ground.processes.send("store", signal.SIGKILL)
                yield said
                await ground.processes.successor("store", pid)
            case "stopped":
                with ground.processes.stopped("store"):
                    yield said
            case "killed and kept down":
                async with ground.processes.down("store"):
                    yield said
            case _:
                with ExitStack() as healed:
                    for wires in ground.lines.values():
                        healed.enter_context(wires.store.black_hole() if how == "cut off" else wires.store.reset())
                    yield how
        await ground.answers("store")
