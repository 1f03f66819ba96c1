"""When calls to a kind are no longer tried, and when they are again."""

from __future__ import annotations

import pytest

from natya.errors import Unavailable
from natya_edge.load.breaker import LEAST, PROBE, Breaker, State

AFTER = 6.0


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def breaker(time: Time) -> Breaker:
    return Breaker("account", AFTER, time)


def fail(breaker: Breaker, time: Time, seconds: float) -> None:
    """As calls that wait do: four attempts a second, the first and the last at the ends."""
    for _ in range(int(seconds * 4)):
        breaker.failed()
        time.now += 0.25
    breaker.failed()


@pytest.mark.parametrize("seconds", [0.3, 2.0, 4.0, 5.75])
def test_a_take_over_does_not_open_it(breaker: Breaker, time: Time, seconds: float) -> None:
    for _ in range(20):
        fail(breaker, time, seconds)
        breaker.enter()
        breaker.answered()
    assert breaker.state is State.CLOSED


def test_it_opens_when_attempts_have_done_nothing_but_fail_and_says_so(breaker: Breaker, time: Time) -> None:
    fail(breaker, time, AFTER)
    assert breaker.state is State.OPEN
    time.now += 0.5
    with pytest.raises(Unavailable, match=r"no node has served the kind account for 6 s") as refused:
        breaker.enter()
    assert refused.value.retry_after == PROBE


def test_one_answer_among_many_failures_keeps_it_closed(breaker: Breaker, time: Time) -> None:
    for _ in range(10):
        fail(breaker, time, AFTER - 1)
        breaker.answered()
    assert breaker.state is State.CLOSED


def test_failures_far_apart_prove_nothing(breaker: Breaker, time: Time) -> None:
    for _ in range(5 * LEAST):
        breaker.failed()
        time.now += AFTER + 0.1
    assert breaker.state is State.CLOSED


def test_few_failures_prove_nothing(breaker: Breaker, time: Time) -> None:
    for _ in range(LEAST - 1):
        breaker.failed()
        time.now += AFTER - 1
    assert breaker.state is State.CLOSED


def test_while_it_is_open_one_call_a_second_is_let_through(breaker: Breaker, time: Time) -> None:
    fail(breaker, time, AFTER)
    passed, states = 0, []
    for _ in range(100):
        time.now += 0.1
        try:
            breaker.enter()
        except Unavailable:
            continue
        passed += 1
        states.append(breaker.state)
        breaker.failed()
        states.append(breaker.state)
    assert set(states[::2]) == {State.HALF_OPEN}
    assert set(states[1::2]) == {State.OPEN}
    assert passed in (9, 10)


def test_a_probe_that_hears_nothing_does_not_keep_others_out(breaker: Breaker, time: Time) -> None:
    fail(breaker, time, AFTER)
    for _ in range(3):
        time.now += PROBE
        breaker.enter()
        with pytest.raises(Unavailable):
            breaker.enter()


def test_the_first_answer_closes_it_whoever_gets_it(breaker: Breaker, time: Time) -> None:
    fail(breaker, time, AFTER)
    breaker.answered()  # a call that waited
    for _ in range(10):
        breaker.enter()
    fail(breaker, time, AFTER)
    time.now += PROBE
    breaker.enter()
    breaker.answered()  # a probe
    for _ in range(10):
        breaker.enter()
    assert breaker.state is State.CLOSED
