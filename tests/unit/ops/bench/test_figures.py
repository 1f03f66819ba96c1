"""From samples to figures, and what a budget says of them."""

from __future__ import annotations

import pytest

from natya_ops.bench.figures import Bound, Budget, Measurement, Spread, compared


def test_a_ratio_is_that_of_each_pair_so_that_a_slow_moment_cancels_out() -> None:
    pairs = [(1_000.0, 500.0), (100.0, 50.0), (2_000.0, 1_200.0)]
    found = compared(
        "asks", "durable asks", "/s", pairs, Budget(Bound.AT_LEAST, 0.5), baseline_title="raw echo", details={"n": 1}
    )
    assert found.ratio == Spread(0.5, 0.5, 0.6)
    assert found.figure == Spread(500.0, 50.0, 1_200.0)
    assert found.baseline == Spread(1_000.0, 100.0, 2_000.0)
    assert found.reached
    assert found.details == {"n": 1}


@pytest.mark.parametrize(
    ("bound", "value", "reached"),
    [(Bound.AT_LEAST, 2.0, True), (Bound.AT_LEAST, 1.99, False), (Bound.AT_MOST, 2.0, True), (Bound.AT_MOST, 2.01, False)],
)
def test_a_budget_is_reached_at_its_limit(bound: Bound, value: float, reached: bool) -> None:
    assert Budget(bound, 2.0).reached(value) is reached


def test_without_a_baseline_the_budget_is_one_of_the_figure() -> None:
    assert Measurement("idle", "idle", "%", Spread.of([1.5]), Budget(Bound.AT_MOST, 2.0)).reached
    assert not Measurement("idle", "idle", "%", Spread.of([2.5]), Budget(Bound.AT_MOST, 2.0)).reached
