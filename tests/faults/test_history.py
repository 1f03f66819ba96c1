"""The checker of histories itself: it accepts what an order explains, and names what none does."""

from __future__ import annotations

import pytest

from support.history import Operation, explain, unanswered


def increment(begun: float, ended: float, value: int) -> Operation:
    return Operation(begun, ended, value)


def read(begun: float, ended: float, value: int) -> Operation:
    return Operation(begun, ended, value, read=True)


@pytest.mark.parametrize(
    "history",
    [
        [],
        [increment(0, 1, 1), increment(2, 3, 2), read(4, 5, 2)],
        [increment(0, 9, 2), increment(0, 9, 1), read(0, 9, 0)],
        [increment(0, 9, 1), read(1, 2, 0), read(3, 4, 1), read(3, 4, 0)],
        [unanswered(0), increment(2, 3, 2), read(4, 5, 2)],
        [unanswered(0), read(1, 2, 0), read(3, 4, 1)],
    ],
)
def test_what_an_order_explains_is_accepted(history: list[Operation]) -> None:
    assert explain(history) == []


@pytest.mark.parametrize(
    ("history", "wrong"),
    [
        ([increment(0, 1, 1), increment(0, 1, 1)], "two increments were answered 1"),
        ([increment(0, 1, 1), read(2, 3, 0)], "a read was answered 0 after 1 had been seen"),
        ([increment(0, 9, 1), read(0, 1, 1), read(2, 3, 0)], "a read was answered 0 after 1 had been seen"),
        ([increment(0, 1, 2), increment(2, 3, 1)], "an increment was answered 1 after 2 had been seen"),
        ([increment(4, 5, 1), read(2, 3, 1)], "1 was seen when at most 0 increments could have been done"),
        ([increment(0, 1, 1), increment(2, 3, 3)], "3 was seen when at most 2 increments could have been done"),
        ([read(0, 1, 1), unanswered(2)], "1 was seen when at most 0 increments could have been done"),
    ],
)
def test_what_no_order_explains_is_named(history: list[Operation], wrong: str) -> None:
    assert wrong in explain(history)
