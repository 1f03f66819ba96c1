"""A store in memory: what the edge needs of one."""

from __future__ import annotations

from natya.memory.listings import MemoryListings
from natya.memory.records import MemoryRecords
from natya.memory.snapshots import MemorySnapshots
from natya.ports.store import StoreReport


class MemoryStore:
    """What actors write to ``snapshots`` is listed. Each part can be set to be away for itself."""

    def __init__(self, snapshots: MemorySnapshots | None = None) -> None:
        self.snapshots = snapshots or MemorySnapshots()
        self.listings = MemoryListings(self.snapshots)
        self.records = MemoryRecords()
        self.reachable = True

    async def check(self) -> StoreReport:
        """See `natya.ports.store.StoreReport`."""
        return StoreReport(self.reachable, "" if self.reachable else "set to be away")
