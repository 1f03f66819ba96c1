"""Lists of what is really in a store: large documents, those of other programs, and searches that take too long."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from bson import Binary, Decimal128, ObjectId, Regex
from pymongo.database import Database

from natya.mongo import Store, listings, open_store
from natya.ports.listing import KEY, Field, Order, Search, SearchTooSlow
from natya.settings import Settings

Raw = Database[dict[str, Any]]

F = Field(("f",))


@pytest.fixture
async def store(store_url: str, database: str) -> AsyncIterator[Store]:
    async with open_store(Settings(store=store_url, database=database)) as opened:
        yield opened


def document(key: Any, **state: Any) -> dict[str, Any]:
    updated = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    return {"_id": key, "v": 1, "j": 1, "m": 0, "schema": 1, "state": state, "timers": {}, "updated": updated}


async def pages(store: Store, search: Search) -> list[list[str]]:
    found: list[list[str]] = []
    while True:
        page = await store.listings.page(search)
        found.append([listed.key for listed in page.actors])
        if page.next is None:
            return found
        search = replace(search, after=page.next)


@pytest.mark.parametrize("order", [(), (Order(F, descending=True),)])
async def test_a_page_of_large_documents_ends_early_and_the_next_one_goes_on(
    store: Store, raw: Raw, monkeypatch: pytest.MonkeyPatch, order: tuple[Order, ...]
) -> None:
    monkeypatch.setattr(listings, "PAGE_BYTES", 4 << 10)
    raw.thing.insert_many([document(f"k{n}", f=n // 2, blob="x" * 1_500) for n in range(8)])
    found = await pages(store, Search("thing", order=order))
    assert [len(page) for page in found] == [3, 3, 2]
    assert sorted(key for page in found for key in page) == [f"k{n}" for n in range(8)]


async def test_documents_of_others_count_as_absent_and_stop_no_list(store: Store, raw: Raw) -> None:
    raw.thing.insert_many([document(key, f=key) for key in ("a", "b", "c", "d")])
    raw.thing.insert_many([
        {"_id": ObjectId(), "state": {"f": 1}}, {"_id": 5, "state": {"f": "a"}}, {"_id": "aa", "state": {"f": "aa"}},
        {"_id": "bb", "v": "1", "schema": 1, "state": {"f": "bb"}}, {"_id": "cc", "state": 7}, {"_id": "zz"},
    ])  # fmt: skip
    for order in ((), (Order(F),), (Order(KEY),)):
        found = await pages(store, Search("thing", order=order, limit=1))
        assert [key for page in found for key in page] == ["a", "b", "c", "d"], order


async def test_values_that_only_others_can_have_stored_have_no_place_in_an_order(store: Store, raw: Raw) -> None:
    odd = [Binary(b"x"), ObjectId(), Regex("a"), {"a": 1}, [1], [], [{"f": 1}]]
    raw.thing.insert_many([document(f"odd {n}", f=value) for n, value in enumerate(odd)])
    plain = [None, Decimal128("0.5"), 1, "a", True, datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)]
    raw.thing.insert_many([document(f"plain {n}", f=value) for n, value in enumerate(plain)])
    for descending in (False, True):
        found = await pages(store, Search("thing", order=[Order(F, descending)], limit=1))
        expected = [f"plain {n}" for n in range(len(plain))]
        assert [key for page in found for key in page] == (expected[::-1] if descending else expected)
    assert len(await pages(store, Search("thing", limit=1))) == len(odd) + len(plain)


async def test_a_search_that_takes_too_long_is_given_up(store: Store, raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    raw.thing.insert_many([document(f"k{n}", f=n % 7) for n in range(3_000)])
    monkeypatch.setattr(listings, "LIMIT_MS", 1)
    with pytest.raises(SearchTooSlow, match=r"after 0\.001 s"):
        await store.listings.page(Search("thing", order=[Order(F)]))
