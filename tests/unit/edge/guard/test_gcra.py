"""The algorithm: how much gets through, to the request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrate_limiter import GCRA, Rate, RateItem, StateBucket

from natya_edge.guard.gcra import Gcra


class Time:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


def passed(gcra: Gcra, key: str, tries: int) -> int:
    return sum(not gcra.take(key).wait for _ in range(tries))


def test_a_burst_gets_through_and_then_the_rate(time: Time) -> None:
    gcra = Gcra(10, 5, size=100, now=time)
    assert passed(gcra, "a", 20) == 5
    time.now += 0.1
    assert passed(gcra, "a", 20) == 1
    time.now += 100
    assert passed(gcra, "a", 20) == 5
    assert passed(gcra, "b", 20) == 5


def test_what_is_left_and_how_long_to_wait_is_told(time: Time) -> None:
    gcra = Gcra(10, 3, size=100, now=time)
    assert [gcra.take("a").remaining for _ in range(3)] == [2, 1, 0]
    refused = gcra.take("a")
    assert refused.remaining == 0
    assert (refused.wait, refused.reset) == pytest.approx((0.1, 0.3), abs=1e-4)
    time.now += refused.wait
    assert gcra.take("a").wait == 0


def test_a_look_takes_nothing(time: Time) -> None:
    gcra = Gcra(10, 2, size=100, now=time)
    assert gcra.look("a") == (0.0, 2, 0.0)
    assert passed(gcra, "a", 2) == 2
    assert gcra.look("a").wait == pytest.approx(0.1, abs=1e-4)


def test_a_debit_never_fails_and_is_paid_back_first(time: Time) -> None:
    gcra = Gcra(10, 5, size=100, now=time)
    gcra.debit("a", 25)
    assert gcra.take("a").wait == pytest.approx(2.1, abs=1e-4)
    time.now += 2.11
    assert passed(gcra, "a", 20) == 1


@given(
    st.sampled_from([(10, 1), (10, 5), (100, 250), (1_000, 1_000)]),
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, 30)), max_size=40),
)
def test_it_decides_as_pyrate_limiter_does(rate: tuple[int, int], steps: list[tuple[int, int]]) -> None:
    per_second, burst = rate
    time = Time()
    ours = Gcra(per_second, burst, size=10, now=time)
    theirs = StateBucket([Rate(per_second, 1_000, burst=burst)], GCRA())
    milliseconds = 1_000_000
    for pause, tries in steps:
        milliseconds += pause
        time.now = milliseconds / 1_000
        for _ in range(tries):
            assert (not ours.take("a").wait) == theirs.put(RateItem("a", milliseconds, 1))


def test_a_full_table_forgets_those_first_who_use_nothing(time: Time) -> None:
    gcra = Gcra(1, 10, size=100, now=time)
    gcra.debit("busy", 10)
    for number in range(5_000):
        time.now += 0.001
        gcra.take(f"idle {number}")
        assert len(gcra) <= 100
    assert gcra.take("busy").wait == 0  # five seconds have paid for five


def test_one_in_use_outlives_a_million_others(time: Time) -> None:
    gcra = Gcra(0.001, 2, size=1_000, now=time)
    assert passed(gcra, "victim", 5) == 2
    for number in range(20_000):
        gcra.take(f"passing {number}")
        if number % 100 == 0:
            assert passed(gcra, "victim", 1) <= 1
    assert len(gcra) == 1_000
