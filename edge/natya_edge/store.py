"""What the edge needs of a store, as a `natya.mongo.Store` or a `natya.memory.MemoryStore` has it."""

from __future__ import annotations

from typing import Protocol

from natya.ports.listing import Listings
from natya.ports.records import Records
from natya.ports.store import StoreReport


class Store(Protocol):
    """One database. It may be away at any time: every port says so by `natya.ports.store.StoreUnavailable`."""

    @property
    def listings(self) -> Listings: ...

    @property
    def records(self) -> Records: ...

    async def check(self) -> StoreReport:
        """Ask the store what it is. Never raises, but may take as long as the store's own limits."""
        ...
