"""What `Listings` promises about conditions."""

from __future__ import annotations

import datetime
from typing import Any, Final

import pytest

from natya.ports.listing import KEY, Condition, Field, Operator, Order, Scalar, Search
from support.shelf import KIND, Shelf

F: Final = Field(("f",))
STATES: Final[dict[str, Any]] = {
    "absent": {}, "null": {"f": None}, "1": {"f": 1}, "1.0": {"f": 1.0}, "2": {"f": 2}, "wide": {"f": 2**70},
    "empty": {"f": ""}, "text 1": {"f": "1"}, "a": {"f": "a"}, "ab": {"f": "ab"}, "b": {"f": "b"}, "yes": {"f": True},
    "no": {"f": False},
}  # fmt: skip


def where(operator: Operator, *values: Scalar, field: Field = F) -> Search:
    return Search(KIND, [Condition(field, operator, values)])


async def found(shelf: Shelf, search: Search) -> set[str]:
    return set(await shelf.keys(search))


@pytest.mark.parametrize(
    ("operator", "values", "keys"),
    [
        (Operator.IN, [1], "1 1.0"),
        (Operator.IN, [1.0, "a"], "1 1.0 a"),
        (Operator.IN, ["1"], "text_1"),
        (Operator.IN, [None], "absent null"),
        (Operator.IN, [True], "yes"),
        (Operator.IN, [2**70], "wide"),
        (Operator.IN, ["$gt"], ""),
        (Operator.IN, [], ""),
        (Operator.ABOVE, [1], "2 wide"),
        (Operator.FROM, [1], "1 1.0 2 wide"),
        (Operator.BELOW, [2], "1 1.0"),
        (Operator.TO, [2**70], "1 1.0 2 wide"),
        (Operator.ABOVE, ["a"], "ab b"),
        (Operator.BELOW, ["a"], "empty text_1"),
        (Operator.FROM, [True], "yes"),
        (Operator.BELOW, [True], "no"),
        (Operator.PREFIX, ["a"], "a ab"),
        (Operator.PREFIX, ["."], ""),
        (Operator.PREFIX, [""], "empty text_1 a ab b"),
    ],
)
async def test_a_condition_finds_values_of_its_type(
    shelf: Shelf, operator: Operator, values: list[Scalar], keys: str
) -> None:
    await shelf.put(STATES)
    assert await found(shelf, where(operator, *values)) == {key.replace("_", " ") for key in keys.split()}


@pytest.mark.parametrize(("values", "without"), [([1], {"1", "1.0"}), ([None, "a"], {"absent", "null", "a"}), ([], set())])
async def test_not_finds_everything_else(shelf: Shelf, values: list[Scalar], without: set[str]) -> None:
    await shelf.put(STATES)
    assert await found(shelf, where(Operator.NOT, *values)) == STATES.keys() - without


async def test_all_conditions_must_hold(shelf: Shelf) -> None:
    await shelf.put({f"k{n}": {"f": n, "g": n % 2} for n in range(10)})
    conditions = [
        Condition(F, Operator.FROM, (2,)),
        Condition(F, Operator.BELOW, (7,)),
        Condition(Field(("g",)), Operator.IN, (1,)),
        Condition(KEY, Operator.NOT, ("k5",)),
    ]
    assert await shelf.keys(Search(KIND, conditions)) == ["k3"]


async def test_one_of_the_alternatives_must_hold_too(shelf: Shelf) -> None:
    await shelf.put({key: {"f": len(key)} for key in ("ann", "ann~1", "ann~2", "anna", "bob", "bob~1")})
    either = [Condition(KEY, Operator.IN, ("ann",)), Condition(KEY, Operator.PREFIX, ("ann~",))]
    assert await shelf.keys(Search(KIND, either=either)) == ["ann", "ann~1", "ann~2"]
    assert await shelf.keys(Search(KIND, [Condition(F, Operator.ABOVE, (3,))], either, [Order(F)], 1)) == ["ann~1", "ann~2"]


async def test_keys_are_found_by_equality_range_and_prefix(shelf: Shelf) -> None:
    keys = ["a", "a:1", "a:2", "a\U0010ffff", "b", "\ud7ff", "\ue000", "\U0010ffff", "\U0010ffffx"]
    await shelf.put({key: {} for key in keys})
    for operator, value, expected in (
        (Operator.IN, "a:1", {"a:1"}),
        (Operator.PREFIX, "a:", {"a:1", "a:2"}),
        (Operator.PREFIX, "a\U0010ffff", {"a\U0010ffff"}),
        (Operator.PREFIX, "\ud7ff", {"\ud7ff"}),
        (Operator.PREFIX, "\U0010ffff", {"\U0010ffff", "\U0010ffffx"}),
        (Operator.ABOVE, "b", {"\ud7ff", "\ue000", "\U0010ffff", "\U0010ffffx"}),
    ):
        assert await found(shelf, where(operator, value, field=KEY)) == expected, (operator, value)


async def test_dates_are_compared_by_the_millisecond(shelf: Shelf) -> None:
    at = Field(("deep", "at"), dated=True)
    noon = datetime.datetime(2026, 7, 1, 12)  # noqa: DTZ001  as the port has them: without a zone, in UTC
    states = {
        "before": "2026-07-01T11:59:59.999Z",
        "noon": "2026-07-01T12:00:00Z",
        "Prague": "2026-07-01T14:00:00+02:00",
        "microseconds": "2026-07-01T12:00:00.000500Z",
        "after": "2026-07-01T12:00:00.001Z",
        "text": "at noon",
    }
    await shelf.put({key: {"deep": {"at": text}} for key, text in states.items()})
    assert await found(shelf, where(Operator.IN, noon, field=at)) == {"noon", "Prague", "microseconds"}
    assert await found(shelf, where(Operator.ABOVE, noon, field=at)) == {"after"}
    assert await found(shelf, where(Operator.BELOW, noon, field=at)) == {"before"}


async def test_of_a_list_one_member_is_enough(shelf: Shelf) -> None:
    await shelf.put({
        "both": {"tags": ["red", "blue"]}, "red": {"tags": ["red"]}, "none": {"tags": []}, "plain": {"tags": "red"},
        "lines": {"tags": [], "lines": [{"sku": 1}, {"sku": 2}]},
    })  # fmt: skip
    tags, sku = Field(("tags",)), Field(("lines", "sku"))
    assert await found(shelf, where(Operator.IN, "red", field=tags)) == {"both", "red", "plain"}
    assert await found(shelf, where(Operator.IN, "blue", "green", field=tags)) == {"both"}
    assert await found(shelf, where(Operator.NOT, "red", field=tags)) == {"none", "lines"}
    assert await found(shelf, where(Operator.IN, 2, field=sku)) == {"lines"}


@pytest.mark.parametrize("text", ["$gt", ".*", "^a", "{'$gt': ''}", "a\0", "%", "\\"])
async def test_text_is_nothing_but_text(shelf: Shelf, text: str) -> None:
    await shelf.put({"it": {"f": text}, "a": {"f": "a"}, "z": {"f": "zzz"}})
    for operator in (Operator.IN, Operator.PREFIX):
        assert await found(shelf, where(operator, text)) == {"it"}
