"""What `Listings` promises about order and pages: nothing twice and nothing left out, whatever stands in a field."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from typing import Any, Final

import pytest

from natya.ports.listing import KEY, Field, Listings, Order, Page, Position, Search
from natya.ports.snapshots import Snapshot
from natya.ports.store import StoreUnavailable
from support.shelf import KIND, Shelf

F: Final = Field(("f",))
G: Final = Field(("g",))
AT: Final = Field(("at",), dated=True)

MIXED: Final[list[tuple[str, Any]]] = [
    ("absent", {}),
    ("null", {"f": None}),
    ("least", {"f": -(2**70)}),
    ("minus", {"f": -1.5}),
    ("one", {"f": 1}),
    ("real one", {"f": 1.0}),
    ("one and more", {"f": 1.0000001}),
    ("beyond doubles", {"f": 2**53 + 1}),
    ("beyond that", {"f": 2**53 + 2}),
    ("wide", {"f": 2**70}),
    ("wider", {"f": 2**70 + 1}),
    ("empty", {"f": ""}),
    ("capital", {"f": "Z"}),
    ("dollar a", {"f": "a$gt"}),
    ("long a", {"f": "aa"}),
    ("long a again", {"f": "aa"}),
    ("é", {"f": "é"}),
    ("end of the plane", {"f": "\uffee"}),
    ("🐎", {"f": "🐎"}),
    ("no", {"f": False}),
    ("yes", {"f": True}),
]
"""In their order by `F` and then by key, ascending."""


async def walk(shelf: Shelf, *order: Order, limit: int = 2) -> list[str]:
    return await shelf.keys(Search(KIND, order=order, limit=limit))


async def test_without_an_order_actors_come_by_key_in_code_points(shelf: Shelf) -> None:
    keys = ["A", "a", "aa", "b", "é", "\uffee", "🐎"]
    await shelf.put({key: {} for key in reversed(keys)})
    assert await walk(shelf) == keys
    assert await walk(shelf, Order(KEY, descending=True)) == keys[::-1]
    assert await walk(shelf, Order(KEY), limit=100) == keys


@pytest.mark.parametrize("limit", [1, 2, 3, 5, len(MIXED) - 1, len(MIXED), len(MIXED) + 1])
async def test_values_of_all_types_have_one_order(shelf: Shelf, limit: int) -> None:
    keys = [key for key, _ in MIXED]
    await shelf.put(dict(MIXED[::2]))
    await shelf.put(dict(MIXED[1::2]))
    assert await walk(shelf, Order(F), limit=limit) == keys
    assert await walk(shelf, Order(F, descending=True), limit=limit) == keys[::-1]


async def test_ties_are_broken_by_the_next_field_and_then_by_key(shelf: Shelf) -> None:
    values = [None, 1, "x", True]
    states = {f"{n:02}": {"f": f, "g": g} for n, (f, g) in enumerate(itertools.product(values, values))}
    await shelf.put(states | {f"{key} again": state for key, state in states.items()})
    ranks = {id(value): rank for rank, value in enumerate(values)}

    def expected(f: int, g: int, key: int) -> list[str]:
        found = sorted(states | {f"{key} again": state for key, state in states.items()}, reverse=key < 0)
        found.sort(key=lambda key: g * ranks[id(states[key[:2]]["g"])])
        found.sort(key=lambda key: f * ranks[id(states[key[:2]]["f"])])
        return found

    for f, g in itertools.product((1, -1), (1, -1)):
        orders = (Order(F, f < 0), Order(G, g < 0))
        assert await walk(shelf, *orders, limit=7) == expected(f, g, g), (f, g)
        assert await walk(shelf, *orders, Order(KEY, g > 0), limit=7) == expected(f, g, -g), (f, g)


async def test_dates_are_ordered_by_the_moment_they_mean_behind_text_that_is_none(shelf: Shelf) -> None:
    ordered = [
        ("none", None),
        ("no date", "2026-13-45T00:00:00Z"),
        ("text", "soon"),
        ("old", "1960-01-01T00:00:00Z"),
        ("noon in Prague", "2026-07-01T12:00:00+02:00"),
        ("noon", "2026-07-01T12:00:00Z"),
        ("noon with another spelling", "2026-07-01T12:00:00.000999Z"),
        ("noon without a zone", "2026-07-01T12:00:00"),
        ("a millisecond later", "2026-07-01T12:00:00.001Z"),
    ]
    await shelf.put({key: {"at": at} for key, at in ordered})
    found = await walk(shelf, Order(AT), limit=1)
    assert found == [key for key, _ in ordered]
    assert await walk(shelf, Order(AT, descending=True), limit=1) == found[::-1]


async def test_actors_with_a_list_or_an_object_in_the_field_are_not_in_the_list(shelf: Shelf) -> None:
    await shelf.put({"list": {"f": [1]}, "none": {"f": []}, "object": {"f": {"a": 1}}, "one": {"f": 1}, "two": {"f": 2}})
    assert await walk(shelf, Order(F), limit=1) == ["one", "two"]
    assert await walk(shelf, limit=1) == ["list", "none", "object", "one", "two"]
    await shelf.put({"way": {"f": [{"g": 1}]}, "in": {"f": {"g": 1}}, "list": {"f": {"g": [1]}}})
    assert await walk(shelf, Order(Field(("f", "g"))), limit=1) == ["object", "one", "two", "in"]


async def test_names_that_a_path_cannot_hold_are_found(shelf: Shelf) -> None:
    await shelf.put({"b": {"a.b": {"$c": 1}}, "a": {"a.b": {"$c": 2}}, "c": {"a": {"b": {"$c": 0}}}})
    assert await walk(shelf, Order(Field(("a.b", "$c"))), limit=1) == ["c", "b", "a"]


async def test_what_comes_and_goes_between_two_pages_shifts_nothing(shelf: Shelf) -> None:
    await shelf.put({f"k{n}": {"f": n} for n in range(0, 20, 2)})
    search = Search(KIND, order=[Order(F)], limit=3)
    first = await shelf.listings.page(search)
    assert [listed.key for listed in first.actors] == ["k0", "k2", "k4"]
    await shelf.put({"k1": {"f": 1}, "k5": {"f": 5}, "k4": {"f": 99}, "k6": {"f": 5}, "z4": {"f": 4}})
    rest = await shelf.keys(replace(search, after=first.next))
    assert rest == ["z4", "k5", "k6", "k8", "k10", "k12", "k14", "k16", "k18", "k4"]


async def test_a_page_that_takes_all_there_is_has_no_next(shelf: Shelf) -> None:
    await shelf.put({"a": {"f": 2}, "b": {"f": 1}})
    assert (await shelf.listings.page(Search(KIND, limit=2))).next is None
    found = await shelf.listings.page(Search(KIND, order=[Order(F)], limit=1))
    assert found.next == Position((1,), "b")
    assert await shelf.listings.page(Search("unheard_of")) == Page([], None)


async def test_a_position_may_be_of_an_actor_that_is_gone_or_never_was(shelf: Shelf) -> None:
    await shelf.put(dict(MIXED))
    behind: list[tuple[Any, str]] = [(None, "absent"), (0, "one"), (2**80, "empty"), ("b", "é"), (True, "yes")]
    for value, following in behind:
        page = await shelf.listings.page(Search(KIND, order=[Order(F)], limit=1, after=Position((value,), "")))
        assert [listed.key for listed in page.actors] == [following], value
    last = Search(KIND, order=[Order(F)], after=Position((True,), "zzz"))
    assert await shelf.listings.page(last) == Page([], None)


async def test_an_actor_is_listed_as_its_snapshot_has_it(shelf: Shelf) -> None:
    state = {"at": "2026-01-31T12:00:00.123456+01:00", "a.b": 1, "wide": 2**70, "real": 1.0, "text": "\0 é"}
    before = shelf.clock.now_ms()
    await shelf.put({"ålice@example.com/ 🐎": state}, schema=3, version=7)
    [listed] = await shelf.all(Search(KIND))
    assert (listed.key, listed.version, listed.schema) == ("ålice@example.com/ 🐎", 7, 3)
    assert before - 1 <= listed.written <= shelf.clock.now_ms()
    loaded = (await shelf.snapshots.load(KIND, [listed.key]))[listed.key]
    assert listed.state == loaded.state


async def test_actors_that_never_had_a_state_are_not_listed(shelf: Shelf) -> None:
    await shelf.put({"a": {}})
    await shelf.snapshots.write(KIND, [Snapshot("never", 1, 1, 0, 1, None), Snapshot("a", 9, 9, 0, 1, None)])
    [listed] = await shelf.all(Search(KIND))
    assert (listed.key, listed.version, listed.state) == ("a", 9, b"{}")


async def test_a_store_that_is_away_says_so(away: Listings) -> None:
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(away.page(Search(KIND)), 20)
