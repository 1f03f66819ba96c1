"""Plans: the same seed gives the same one, and every fault gets its turn."""

from __future__ import annotations

from itertools import pairwise

import pytest

from natya_ops.chaos.plan import HOLDS, LEAST_GAP, Plan, draw

ALL = ("kill", "stop", "drain", "partition", "nats", "store", "edge", "disk")
SEEDS = range(40)


def test_the_same_seed_gives_the_same_plan_whatever_the_order_of_the_faults() -> None:
    assert draw(7, 60, ALL) == draw(7, 60, ALL[::-1])
    assert str(draw(7, 60, ALL)) == str(draw(7, 60, ALL))


def test_another_seed_gives_another_plan() -> None:
    assert len({str(draw(seed, 60, ALL)) for seed in SEEDS}) == len(SEEDS)


@pytest.mark.parametrize("seconds", [12, 25, 60, 600])
def test_every_fault_is_done_once_before_any_is_done_twice(seconds: float) -> None:
    for seed in SEEDS:
        plan = draw(seed, seconds, ALL)
        assert plan.missing() == []
        assert {strike.fault for strike in plan.strikes[: len(ALL)]} == set(ALL)


def test_what_does_not_fit_into_the_time_is_named() -> None:
    plan = draw(1, 1.5, ALL)
    assert set(plan.missing()) == set(ALL) - {strike.fault for strike in plan.strikes}
    assert plan.missing()


@pytest.mark.parametrize("seconds", [10, 60])
def test_strikes_begin_in_order_within_the_time_and_end_near_it(seconds: float) -> None:
    for seed in SEEDS:
        plan = draw(seed, seconds, ALL)
        begins = [strike.at for strike in plan.strikes]
        assert begins == sorted(begins)
        assert begins[0] >= 0
        assert begins[-1] <= seconds
        assert all(strike.at + strike.hold <= seconds + LEAST_GAP for strike in plan.strikes)


def test_some_faults_overlap_but_most_do_not() -> None:
    pairs = [pair for seed in SEEDS for pair in pairwise(draw(seed, 120, ALL).strikes)]
    overlapping = sum(later.at < earlier.at + earlier.hold for earlier, later in pairs)
    assert 0.1 < overlapping / len(pairs) < 0.4


def test_no_fault_is_held_longer_than_it_may_be() -> None:
    for seed in SEEDS:
        for strike in draw(seed, 120, ALL).strikes:
            assert 0 < strike.hold <= HOLDS[strike.fault][1]


def test_one_fault_alone_is_done_again_and_again() -> None:
    plan = draw(3, 60, ("kill",))
    assert {strike.fault for strike in plan.strikes} == {"kill"}
    assert len(plan.strikes) > 8


def test_without_faults_nothing_is_planned() -> None:
    assert draw(1, 60, ()) == Plan(1, 60, (), ())
    assert str(draw(1, 60, ())) == "nothing"


def test_a_plan_reads_as_a_time_table() -> None:
    line = str(draw(7, 60, ALL)).splitlines()[0]
    first = draw(7, 60, ALL).strikes[0]
    assert line.split() == [f"{first.at:.1f}", "s", first.fault, "for", f"{first.hold:.1f}", "s"]
