"""NATS has no room to write: nothing is acknowledged, nothing that was is lost.

On a file system of its own it is really full. nats-server answers nothing more once that has happened, not even when there is room
again, so it is killed then and started again. Where none could be mounted, the journals are filled up by a limit on their
streams: the same refusal of appends, while everything else of NATS goes on.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from natya_ops.chaos.ground import Ground
from natya_ops.chaos.ground.disk import SmallDisk
from natya_ops.chaos.ground.ground import JOINED


class Disk:
    name = "disk"
    summary = "no room for NATS to write: a full disk where a small one can be mounted, else full streams"

    def possible(self, ground: Ground) -> str | None:
        return None if ground.own else JOINED

    @asynccontextmanager
    async def strike(self, ground: Ground, random: Random) -> AsyncIterator[str]:
        await ground.processes.living("nats")
        disk = ground.disk
        if not isinstance(disk, SmallDisk):
            async with ground.journals.filled():
                yield f"every journal at its limit ({disk})"
            return
        async with disk.filled():
            yield "the disk of NATS is full"
        if not disk.full:
            pid = await ground.processes.living("nats")
            ground.processes.send("nats", signal.SIGKILL)
            await ground.processes.successor("nats", pid)
            await ground.answers("nats")
