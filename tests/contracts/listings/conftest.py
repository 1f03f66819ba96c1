"""Every adapter of `Listings`, over snapshots that a test writes, and one whose store is away."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from natya.memory import MemoryStore
from natya.memory.snapshots import MemorySnapshots
from natya.mongo import open_snapshots, open_store
from natya.ports.listing import Listings
from natya.ports.snapshots import Shape
from natya.settings import Settings
from support.shelf import KIND, SCHEMA, Shelf
from support.shifted_clock import ShiftedClock


@pytest.fixture(params=["memory", "mongo", "mongo with an index"])
async def shelf(request: pytest.FixtureRequest, database: str) -> AsyncIterator[Shelf]:
    clock = ShiftedClock()
    if request.param == "memory":
        memory = MemoryStore(MemorySnapshots(clock))
        yield Shelf(memory.snapshots, memory.listings, clock)
        return
    settings = Settings(store=request.getfixturevalue("store_url"), database=database)
    indexes = [[("f", 1)], [("at", -1)], [("tags", 1)]] if "index" in request.param else []
    async with open_snapshots(settings, clock) as snapshots, open_store(settings) as store:
        await snapshots.prepare(Shape(KIND, SCHEMA, indexes))
        yield Shelf(snapshots, store.listings, clock)


@pytest.fixture(params=["memory", "mongo"])
async def away(request: pytest.FixtureRequest, unused_tcp_port: int) -> AsyncIterator[Listings]:
    """Listings whose store cannot be reached."""
    if request.param == "memory":
        memory = MemoryStore()
        memory.snapshots.available = False
        yield memory.listings
        return
    async with open_store(Settings(store=f"mongodb://127.0.0.1:{unused_tcp_port}")) as store:
        yield store.listings
