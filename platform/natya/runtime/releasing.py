"""Giving a partition up cleanly: phase four of its life.

No call comes any more (the subscription has ended). What runs may finish, what waits is told to ask elsewhere, everything
that has ended is committed, and a last record says how far mail and snapshots are. The owner key is released after that.
"""

from __future__ import annotations

import asyncio

from natya.runtime.partition import Partition
from natya.runtime.world import World

STEP = 0.005


async def settle(partition: Partition, serving: asyncio.Task[None], world: World) -> None:
    """Bring the partition to rest, within the drain time-out, or until it has ended by itself."""
    partition.execution.stop()
    until = world.clock.boottime() + world.settings.drain_timeout
    while partition.execution.running and not serving.done() and world.clock.boottime() < until:
        await world.clock.sleep(STEP)
    partition.committer.want_record()
    while not partition.committer.idle and not serving.done() and world.clock.boottime() < until:
        await world.clock.sleep(STEP)
