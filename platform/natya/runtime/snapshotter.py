"""Write-behind: the last committed states of unwritten actors go to the store in bulks.

A hot actor is written once per bulk, not once per turn. The pause between two bulks is a multiple of what the last one took, so
that a slow store gets few large bulks and a fast one small ones soon: about a tenth of the time is spent writing. When the
node's bound on unwritten actors comes near, or the journal behind a partition's checkpoint gets long, there is no pause. The
partition that is farthest behind is written first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from natya.names import encode_key
from natya.ports.snapshots import Snapshot, SnapshotsUnavailable
from natya.runtime.partition import Partition
from natya.runtime.unwritten import Load
from natya.runtime.world import World
from natya.telemetry.events import ActorNotLoaded, SnapshotsFailed, SnapshotsWritten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

IDLE_STEPS = 4
"""Looking for something to write becomes this much rarer while there is nothing."""


class Snapshotter:
    """Writes the unwritten actors of one kind at this node."""

    def __init__(self, world: World, kind: str, load: Load, partitions: Callable[[], Iterable[Partition]]) -> None:
        self._world = world
        self._kind = kind
        self._load = load
        self._partitions = partitions

    async def run(self) -> None:
        """Write until cancelled."""
        settings, clock = self._world.settings, self._world.clock
        pause = settings.snapshot_interval
        idle = 0
        while True:
            await clock.sleep(pause)
            began = clock.boottime()
            try:
                count = await self._write_once()
            except SnapshotsUnavailable as error:
                pending = sum(len(partition.unwritten) for partition in self._partitions())
                self._world.telemetry.raise_event(SnapshotsFailed(self._kind, pending, str(error)))
                pause = min(max(pause * 2, 0.25), settings.snapshot_pause_limit)
                continue
            took = clock.boottime() - began
            if not count:
                idle = min(idle + 1, IDLE_STEPS)
                pause = settings.snapshot_interval * idle
                continue
            idle = 0
            self._world.telemetry.raise_event(SnapshotsWritten(self._kind, count, took))
            pause = min(max(settings.snapshot_interval, took * settings.snapshot_pause), settings.snapshot_pause_limit)
            if self._load.pressing or any(partition.checkpoint.lagging for partition in self._partitions()):
                pause = 0.0

    async def _write_once(self) -> int:
        """One bulk over all partitions; how many documents and outcomes it had."""
        bulk: list[tuple[Partition, list[Snapshot]]] = []
        left = self._world.settings.snapshot_bulk
        keeping = [partition for partition in self._partitions() if partition.unwritten]
        keeping.sort(key=lambda partition: partition.checkpoint.lag, reverse=True)
        for partition in keeping:
            taken = partition.unwritten.take(left)
            if taken:
                bulk.append((partition, taken))
                left -= len(taken)
            if left <= 0:
                break
        try:
            kept = [kept for partition in keeping for kept in partition.unwritten.take_kept()]
            if kept:
                await self._world.snapshots.keep(self._kind, kept)
                for partition in keeping:
                    partition.unwritten.kept_written()
            documents = [snapshot for _, taken in bulk for snapshot in taken]
            if documents:
                await self._write(bulk, documents)
        except BaseException:
            for partition in keeping:
                partition.unwritten.failed()
            raise
        return len(documents) + len(kept)

    async def _write(self, bulk: list[tuple[Partition, list[Snapshot]]], documents: list[Snapshot]) -> None:
        written = await self._world.snapshots.write(self._kind, documents)
        for partition, taken in bulk:
            done = []
            for snapshot in taken:
                token = encode_key(snapshot.key)
                if (sequence := written.later.get(snapshot.key)) is not None:
                    partition.suspect(snapshot.key, sequence)
                elif (reason := written.refused.get(snapshot.key)) is not None:
                    self._world.telemetry.raise_event(ActorNotLoaded(self._kind, token, f"the store refused it: {reason}"))
                else:
                    done.append(token)
            partition.unwritten.written(done)
            partition.catalog.written(done)
            partition.unwritten.failed()
