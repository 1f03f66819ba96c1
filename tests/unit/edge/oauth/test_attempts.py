"""Guessing one user's password becomes slow."""

from __future__ import annotations

import pytest

from natya.memory import ManualClock
from natya_edge.oauth.attempts import BURST, EVERY, REMEMBERED, Attempts, TooManyAttempts


def test_after_a_burst_one_attempt_in_a_while_is_allowed(clock: ManualClock) -> None:
    attempts = Attempts(clock)
    for _ in range(BURST):
        attempts.spend("ann")
    with pytest.raises(TooManyAttempts) as refused:
        attempts.spend("ann")
    assert refused.value.retry_after == pytest.approx(EVERY)
    attempts.spend("bob")


async def test_the_allowance_comes_back_with_time(clock: ManualClock) -> None:
    attempts = Attempts(clock)
    for _ in range(BURST):
        attempts.spend("ann")
    await clock.advance(EVERY)
    attempts.spend("ann")
    with pytest.raises(TooManyAttempts):
        attempts.spend("ann")
    await clock.advance(EVERY * BURST)
    for _ in range(BURST):
        attempts.spend("ann")


def test_a_right_password_gives_it_back(clock: ManualClock) -> None:
    attempts = Attempts(clock)
    for _ in range(BURST - 1):
        attempts.spend("ann")
    attempts.forgive("ann")
    for _ in range(BURST):
        attempts.spend("ann")


def test_it_remembers_a_bounded_number_of_names(clock: ManualClock) -> None:
    attempts = Attempts(clock)
    for number in range(REMEMBERED + 10):
        attempts.spend(f"user-{number}")
    assert len(attempts._until) == REMEMBERED
