"""Every adapter of `Snapshots`, with a store that is there and with one that is away."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from natya.memory.snapshots import MemorySnapshots
from natya.mongo import open_snapshots
from natya.ports.snapshots import Snapshots
from natya.settings import Settings
from support.shifted_clock import ShiftedClock


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture(params=["memory", "mongo"])
async def snapshots(request: pytest.FixtureRequest, clock: ShiftedClock, database: str) -> AsyncIterator[Snapshots]:
    if request.param == "memory":
        yield MemorySnapshots(clock)
        return
    settings = Settings(store=request.getfixturevalue("store_url"), database=database)
    async with open_snapshots(settings, clock) as opened:
        yield opened


@pytest.fixture(params=["memory", "mongo"])
async def away(request: pytest.FixtureRequest, unused_tcp_port: int) -> AsyncIterator[Snapshots]:
    """Snapshots whose store cannot be reached."""
    if request.param == "memory":
        memory = MemorySnapshots()
        memory.available = False
        yield memory
        return
    async with open_snapshots(Settings(store=f"mongodb://127.0.0.1:{unused_tcp_port}")) as opened:
        yield opened
