"""An authorisation server over memory; for the store's own behaviour see the contracts and `tests/edge`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from natya.memory import ManualClock, MemoryRecords
from support.oauth import Bench, bench


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def records(clock: ManualClock) -> MemoryRecords:
    return MemoryRecords(clock)


@pytest.fixture
async def here(records: MemoryRecords, clock: ManualClock) -> AsyncIterator[Bench]:
    async with bench(records, clock) as made:
        yield made


@pytest.fixture
async def secret(here: Bench) -> str:
    """Of the client ``web``, which may use every grant."""
    return await here.client()
