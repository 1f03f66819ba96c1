"""What `Records` promises."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from natya.ports.records import Record, RecordChanged, RecordExists, Records
from natya.ports.store import StoreUnavailable
from support.shifted_clock import ShiftedClock

FIELDS: dict[str, Any] = {"name": "🐎 é", "count": 1 << 40, "on": True, "of": ["a", "b"], "none": None, "deep": {"x": [1]}}
HOUR_MS = 3_600_000


async def test_a_record_comes_back_with_all_it_has(records: Records, clock: ShiftedClock) -> None:
    expires = clock.now_ms() + HOUR_MS
    made = await records.insert("users", "a.b$c/é", FIELDS, expires=expires)
    assert (made.collection, made.id, made.fields, made.expires) == ("users", "a.b$c/é", FIELDS, expires)
    assert await records.get("users", "a.b$c/é") == made


async def test_a_record_is_of_one_collection(records: Records) -> None:
    await records.insert("users", "ann", FIELDS)
    assert await records.get("clients", "ann") is None
    await records.insert("clients", "ann", {})
    await records.delete("clients", "ann")
    assert await records.get("users", "ann") is not None


async def test_what_is_there_is_not_inserted_again(records: Records) -> None:
    made = await records.insert("users", "ann", FIELDS)
    with pytest.raises(RecordExists):
        await records.insert("users", "ann", {"other": 1})
    assert await records.get("users", "ann") == made


async def test_a_replacement_has_a_new_revision_and_only_what_it_was_given(records: Records, clock: ShiftedClock) -> None:
    made = await records.insert("users", "ann", FIELDS, expires=clock.now_ms() + HOUR_MS)
    changed = await records.replace(made, {"count": 2})
    assert (changed.fields, changed.expires) == ({"count": 2}, None)
    assert changed.revision != made.revision
    assert await records.get("users", "ann") == changed


async def test_only_the_revision_that_is_there_is_replaced(records: Records) -> None:
    made = await records.insert("users", "ann", {"count": 1})
    changed = await records.replace(made, {"count": 2})
    with pytest.raises(RecordChanged):
        await records.replace(made, {"count": 3})
    assert await records.get("users", "ann") == changed


async def test_what_was_deleted_is_not_replaced_and_may_be_inserted(records: Records) -> None:
    made = await records.insert("users", "ann", {"count": 1})
    await records.delete("users", "ann")
    await records.delete("users", "ann")
    assert await records.get("users", "ann") is None
    with pytest.raises(RecordChanged):
        await records.replace(made, {"count": 2})
    again = await records.insert("users", "ann", {"count": 3})
    with pytest.raises(RecordChanged):
        await records.replace(made, {"count": 2})
    assert await records.get("users", "ann") == again


async def won(writes: list[Awaitable[Record]]) -> list[Record]:
    results = await asyncio.gather(*writes, return_exceptions=True)
    lost = [result for result in results if not isinstance(result, Record)]
    assert all(isinstance(result, RecordExists | RecordChanged) for result in lost), lost
    return [result for result in results if isinstance(result, Record)]


async def test_of_writers_at_the_same_moment_one_wins(records: Records) -> None:
    inserted = await won([records.insert("users", "ann", {"writer": n}) for n in range(8)])
    assert [await records.get("users", "ann")] == inserted
    replaced = await won([records.replace(inserted[0], {"writer": n}) for n in range(8)])
    assert [await records.get("users", "ann")] == replaced


async def test_what_has_expired_is_not_there(records: Records, clock: ShiftedClock) -> None:
    expires = clock.now_ms() + HOUR_MS
    made = await records.insert("users", "ann", {"count": 1}, expires=expires)
    clock.ahead_ms += HOUR_MS - 60_000
    assert await records.list("users") == [made]
    clock.ahead_ms += 60_000
    assert await records.get("users", "ann") is None
    assert await records.list("users") == []
    with pytest.raises(RecordChanged):
        await records.replace(made, {"count": 2})
    again = await records.insert("users", "ann", {"count": 3}, expires=expires + HOUR_MS)
    assert await records.get("users", "ann") == again


async def test_a_list_is_in_the_order_of_ids_and_goes_on_behind_one(records: Records) -> None:
    ids = ["", "!", "B", "a", "aa", "b", "é", "\uffff", "🐎"]
    for id in reversed(ids):
        if id:
            await records.insert("users", id, {"id": id})
    assert [record.id for record in await records.list("users")] == ids[1:]
    assert [record.id for record in await records.list("users", after="a", limit=2)] == ["aa", "b"]
    assert await records.list("users", after="🐎") == []
    assert await records.list("nothing") == []


@pytest.mark.parametrize("name", ["_id", "revision", "expires"])
async def test_the_record_s_own_names_are_not_for_fields(records: Records, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        await records.insert("users", "ann", {name: 1})


async def test_every_call_says_that_the_store_is_away(away: Records) -> None:
    record = Record("users", "ann", "1", {})
    calls: list[Awaitable[Any]] = [
        away.get("users", "ann"),
        away.insert("users", "ann", {}),
        away.insert("users", "ann", {}, expires=1),
        away.replace(record, {}),
        away.delete("users", "ann"),
        away.list("users"),
    ]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [StoreUnavailable] * len(calls)
