"""Records on a store that does not recognise repeated writes: a driver that repeats one must not see its own as another's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from pymongo.database import Database

from natya.clock import SystemClock
from natya.mongo.driver import Driver
from natya.mongo.records import MongoRecords
from natya.ports.records import RecordChanged, RecordExists
from natya.settings import Settings


class TwiceDatabase:
    """Sends every replacement twice, as the driver does when the first answer is lost; the second answer counts."""

    def __init__(self, database: Any) -> None:
        self._database = database

    def __getitem__(self, name: str) -> Any:
        return TwiceCollection(self._database[name])


class TwiceCollection:
    def __init__(self, collection: Any) -> None:
        self._collection = collection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._collection, name)

    async def replace_one(self, *arguments: Any, **options: Any) -> Any:
        await self._collection.replace_one(*arguments, **options)
        return await self._collection.replace_one(*arguments, **options)


class TwiceDriver(Driver):
    @property
    def database(self) -> Any:
        return TwiceDatabase(super().database)


@pytest.fixture
async def records(store_url: str, database: str) -> AsyncIterator[MongoRecords]:
    driver = TwiceDriver(Settings(_env_file=None, store=store_url, database=database))
    yield MongoRecords(driver, SystemClock())
    driver.close()


async def test_an_insert_that_was_sent_twice_has_succeeded(records: MongoRecords) -> None:
    made = await records.insert("users", "ann", {"count": 1}, expires=1 << 42)
    assert await records.get("users", "ann") == made
    with pytest.raises(RecordExists):
        await records.insert("users", "ann", {"count": 1})


async def test_a_replacement_that_was_sent_twice_has_succeeded(records: MongoRecords) -> None:
    made = await records.insert("users", "ann", {"count": 1})
    changed = await records.replace(made, {"count": 2})
    assert await records.get("users", "ann") == changed
    with pytest.raises(RecordChanged):
        await records.replace(made, {"count": 2})


async def test_what_expires_is_deleted_by_the_store_and_dates_are_dates(
    records: MongoRecords, raw: Database[dict[str, Any]]
) -> None:
    await records.insert("families", "one", {"count": 1}, expires=1_900_000_000_123)
    await records.insert("users", "ann", {"count": 1})
    (index,) = (one for name, one in raw["natya.families"].index_information().items() if name != "_id_")
    assert (index["key"], index["expireAfterSeconds"]) == ([("expires", 1)], 0)
    assert list(raw["natya.users"].index_information()) == ["_id_"]
    stored = raw["natya.families"].find_one({"_id": "one"})
    assert stored is not None
    assert stored["expires"] == datetime(2030, 3, 17, 17, 46, 40, 123_000)  # noqa: DTZ001  read without a zone, in UTC
    assert stored["count"] == 1
