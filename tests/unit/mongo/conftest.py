"""Snapshots in a real store, and the same documents as any MongoDB tool sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from natya.mongo import MongoSnapshots, open_snapshots
from natya.settings import Settings


@pytest.fixture
async def snapshots(store_url: str, database: str) -> AsyncIterator[MongoSnapshots]:
    async with open_snapshots(Settings(store=store_url, database=database)) as opened:
        yield opened


@pytest.fixture
def raw(store_url: str, database: str) -> Iterator[Database[dict[str, Any]]]:
    """The database as pymongo shows it."""
    with MongoClient[dict[str, Any]](store_url) as client:
        yield client[database]
