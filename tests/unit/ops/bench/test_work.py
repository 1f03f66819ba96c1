"""What the load generator is asked and what it reports."""

from __future__ import annotations

import pytest

from natya_ops.bench.figures import Spread
from natya_ops.bench.report import number, spread
from natya_ops.bench.work import Done, Work, as_json


def test_work_and_report_survive_the_wire() -> None:
    work = Work("natya.ask.account.{}.deposit", ["a", "b"], '{"amount":1}', 256, 2.0, ids=True)
    assert Work.decode(work.encode()) == work
    done = Done.of(2.0, [0.03, 0.01, 0.02], ["a: no"])
    assert Done.decode(done.encode()) == done


def test_only_what_succeeded_counts() -> None:
    done = Done.of(2.0, [0.1] * 10, ["the first", "the second"])
    assert done.rate == pytest.approx(5.0)
    assert (done.failed, done.failure) == (2, "the first")
    assert Done.of(1.0, [], ["all failed"]).latencies == {}


def test_percentiles_are_of_the_sorted_latencies() -> None:
    done = Done.of(1.0, [number / 1_000 for number in range(1_000, 0, -1)], [])
    assert done.latencies == {"p50": 0.501, "p99": 0.991, "max": 1.0}


def test_numbers_are_rounded_to_what_they_are_worth() -> None:
    assert as_json({"a": Spread(1234.5678, 0.0012345678, 2.0), "b": (1, "x", None)}) == {
        "a": {"median": 1234.6, "low": 0.0012346, "high": 2.0},
        "b": [1, "x", None],
    }
    assert [number(value) for value in (12_345.6, 99.96, 0.012345, None)] == ["12,346", "100", "0.0123", ""]
    assert spread(Spread(1.0, 0.5, 2.0)) == "1 (0.5–2)"
