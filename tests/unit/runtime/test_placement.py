"""`natya.runtime.placement`: everybody computes the same, and a change moves only its own share."""

from __future__ import annotations

from collections import Counter

import pytest

from natya.runtime.placement import hosts, place
from natya.runtime.view import Member

NAMES = [f"node{n}" for n in range(5)]


def member(name: str, *, joined: int = 1, kinds: tuple[str, ...] = ("account",), leaving: bool = False) -> Member:
    return Member(f"{name}-{joined}", name, "s", dict.fromkeys(kinds, "d"), "1", joined, leaving)


def everywhere(partitions: int, names: list[str], needs: int = 1) -> list[str | None]:
    return place("account", [needs] * partitions, dict.fromkeys(names, 1))


def test_the_order_of_names_does_not_matter() -> None:
    assert everywhere(50, NAMES) == everywhere(50, NAMES[::-1])


def test_nobody_has_nothing() -> None:
    assert everywhere(3, []) == [None, None, None]


@pytest.mark.parametrize("partitions", [1, 4, 16, 64, 250])
def test_shares_differ_by_one_at_most(partitions: int) -> None:
    count = Counter(everywhere(partitions, NAMES))
    assert max(count.values()) - min(count[name] for name in NAMES) <= 1
    assert sum(count.values()) == partitions


def test_a_node_that_leaves_moves_little_more_than_its_own() -> None:
    before, after = everywhere(500, NAMES), everywhere(500, NAMES[1:])
    assert all(name in NAMES[1:] for name in after)
    moved = sum(1 for a, b in zip(before, after, strict=True) if a not in (b, "node0"))
    assert moved < 0.15 * 500


def test_a_partition_goes_to_nobody_who_cannot_read_its_states() -> None:
    needs = [2] * 6 + [1] * 6
    placed = place("account", needs, {"old": 1, "new": 2})
    assert placed[:6] == ["new"] * 6
    assert "old" in placed[6:]
    assert place("account", [2, 1], {"old": 1}) == [None, "old"]


def test_partitions_that_only_some_can_read_are_spread_over_those() -> None:
    placed = place("account", [2] * 9, {"old": 1, "new": 2, "newer": 3})
    assert max(Counter(placed).values()) <= 6
    assert set(placed) == {"new", "newer"}


def test_the_latest_incarnation_of_a_name_counts_and_who_leaves_or_lacks_the_kind_does_not() -> None:
    members = [member("a", joined=2), member("a"), member("b", kinds=("order",)), member("c", leaving=True)]
    assert {name: found.incarnation for name, found in hosts("account", members).items()} == {"a": "a-2"}
