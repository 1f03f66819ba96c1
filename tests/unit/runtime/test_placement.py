"""`natya.runtime.placement`: everybody computes the same, and a change moves only its own share."""

from __future__ import annotations

from collections import Counter

from natya.runtime.placement import hosts, place
from natya.runtime.view import Member

NAMES = [f"node{n}" for n in range(5)]


def member(name: str, *, joined: int = 1, kinds: tuple[str, ...] = ("account",), leaving: bool = False) -> Member:
    return Member(f"{name}-{joined}", name, "s", dict.fromkeys(kinds, "d"), "1", joined, leaving)


def test_the_order_of_names_does_not_matter() -> None:
    for number in range(50):
        assert place("account", number, NAMES) == place("account", number, reversed(NAMES))


def test_nobody_has_nothing() -> None:
    assert place("account", 1, []) is None


def test_partitions_are_spread_over_all() -> None:
    count = Counter(place("account", number, NAMES) for number in range(1_000))
    assert set(count) == set(NAMES)
    assert max(count.values()) < 2 * min(count.values())


def test_a_node_that_leaves_moves_only_its_own() -> None:
    for number in range(500):
        before = place("account", number, NAMES)
        after = place("account", number, NAMES[1:])
        assert before in (after, "node0")


def test_the_latest_incarnation_of_a_name_counts_and_who_leaves_or_lacks_the_kind_does_not() -> None:
    members = [member("a", joined=2), member("a"), member("b", kinds=("order",)), member("c", leaving=True)]
    assert {name: found.incarnation for name, found in hosts("account", members).items()} == {"a": "a-2"}
