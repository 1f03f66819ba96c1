"""Every adapter of `Records`, with a store that is there and with one that is away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest

from natya.memory.records import MemoryRecords
from natya.mongo.driver import Driver
from natya.mongo.records import MongoRecords
from natya.ports.records import Records
from natya.settings import Settings
from support.shifted_clock import ShiftedClock


@contextmanager
def mongo_records(url: str, database: str, clock: ShiftedClock) -> Iterator[MongoRecords]:
    driver = Driver(Settings(_env_file=None, store=url, database=database))
    try:
        yield MongoRecords(driver, clock)
    finally:
        driver.close()


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture(params=["memory", "mongo"])
async def records(request: pytest.FixtureRequest, clock: ShiftedClock, database: str) -> AsyncIterator[Records]:
    if request.param == "memory":
        yield MemoryRecords(clock)
        return
    with mongo_records(request.getfixturevalue("store_url"), database, clock) as opened:
        yield opened


@pytest.fixture(params=["memory", "mongo"])
async def away(request: pytest.FixtureRequest, clock: ShiftedClock, unused_tcp_port: int) -> AsyncIterator[Records]:
    """Records whose store cannot be reached."""
    if request.param == "memory":
        memory = MemoryRecords()
        memory.available = False
        yield memory
        return
    with mongo_records(f"mongodb://127.0.0.1:{unused_tcp_port}", "any", clock) as opened:
        yield opened
