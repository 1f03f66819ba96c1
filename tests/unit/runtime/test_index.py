"""`natya.runtime.index`: which ids are known, and how far back that is sure."""

from __future__ import annotations

import pytest

from natya.runtime.index import Budget, Index


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("natya.runtime.index.SEGMENT_ENTRIES", 4)


def filled(budget: Budget, count: int, *, since: int = 0) -> Index:
    index = Index(budget, since=since, first=1, now=0.0)
    for n in range(count):
        index.add("a", f"m{n}", n + 1)
        index.roll(1000 + n, n + 2, 0.0)
    return index


def test_an_id_leads_to_the_record_that_holds_its_outcome() -> None:
    index = filled(Budget(100), 10)
    assert [index.find("a", f"m{n}") for n in range(10)] == list(range(1, 11))
    assert index.find("a", "m10") == index.find("b", "m1") == 0


def test_only_an_absent_id_within_the_coverage_is_new() -> None:
    index = filled(Budget(100), 3, since=500)
    assert index.is_new("a", "m9", 501)
    assert not index.is_new("a", "m9", 500)
    assert not index.is_new("a", "m1", 501)


def test_over_the_bound_whole_segments_leave_and_coverage_moves_up() -> None:
    budget = Budget(6)
    index = filled(budget, 12)
    index.shrink(checkpoint=100, now=0.0, age=60.0)
    assert (index.coverage, index.first, len(index)) == (1007, 9, 4)
    assert index.find("a", "m7") == 0
    assert index.find("a", "m8") == 9
    assert budget.used == 4


def test_what_lies_behind_the_checkpoint_stays_however_full_it_is() -> None:
    index = filled(Budget(1), 12)
    index.shrink(checkpoint=3, now=0.0, age=60.0)
    assert index.coverage == 0
    index.shrink(checkpoint=4, now=0.0, age=60.0)
    assert (index.coverage, index.first) == (1003, 5)


def test_a_partition_within_its_share_gives_nothing_to_a_greedy_one() -> None:
    budget = Budget(16)
    modest, greedy = filled(budget, 8), filled(budget, 40)
    modest.shrink(checkpoint=100, now=0.0, age=60.0)
    greedy.shrink(checkpoint=100, now=0.0, age=60.0)
    assert len(modest) == 8
    assert budget.used <= 16


def test_old_segments_leave_by_age() -> None:
    index = Index(Budget(100), since=0, first=1, now=0.0)
    for n in range(3):
        index.add("a", f"m{n}", n + 1)
        index.roll(n, n + 2, n * 100.0 + 61.0)
    index.shrink(checkpoint=100, now=361.0, age=200.0)
    assert index.find("a", "m0") == 0
    assert index.find("a", "m2") == 3


def test_older_records_move_the_coverage_back() -> None:
    index = filled(Budget(100), 2, since=900)
    index.extend_back([("a", "old", 1)], since=100, first=1, now=0.0)
    assert index.coverage == 100
    assert index.find("a", "old") == 1
    assert index.has_room


def test_an_id_told_of_twice_is_counted_once() -> None:
    """A turn that asks others is in the journal when it begins and when it ends."""
    budget = Budget(2)
    index = Index(budget, since=0, first=1, now=0.0)
    for sequence in range(1, 9):
        index.add("a", "m", sequence)
    assert len(index) == budget.used == 1
    index.close()
    assert (budget.used, budget.partitions) == (0, 0)
