"""What `Snapshots` promises about remembered outcomes."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from natya.ports.snapshots import Kept, Snapshots
from support.shifted_clock import ShiftedClock

HOUR_MS = 3_600_000


@pytest.fixture
def outcome(clock: ShiftedClock) -> Kept:
    return Kept(
        token="alice@example%2Ecom",
        id="order-1",
        digest="5f3a",
        sent=clock.now_ms() - 17,
        code=0,
        slug="",
        body=b'{"balance":5}',
        expires=clock.now_ms() + HOUR_MS,
    )


async def test_an_outcome_comes_back_with_all_it_has(snapshots: Snapshots, outcome: Kept) -> None:
    refusal = replace(outcome, id="order-2", code=409, slug="insufficient_funds", body='{"détail":"🐎"}'.encode())
    raw = replace(outcome, id="order-3", body=b"\xff\x00")
    await snapshots.keep("account", [outcome, refusal, raw])
    for one in (outcome, refusal, raw):
        assert await snapshots.kept("account", one.token, one.id, after=snapshots.mark()) == one


async def test_nothing_is_remembered_of_another_kind_key_or_id(snapshots: Snapshots, outcome: Kept) -> None:
    await snapshots.keep("account", [outcome])
    assert await snapshots.kept("order", outcome.token, outcome.id) is None
    assert await snapshots.kept("account", "bob", outcome.id) is None
    assert await snapshots.kept("account", outcome.token, "order-2") is None


async def test_an_outcome_that_is_remembered_stays(snapshots: Snapshots, outcome: Kept) -> None:
    await snapshots.keep("account", [outcome])
    new = replace(outcome, id="order-2")
    await snapshots.keep("account", [replace(outcome, code=500, body=b"other", expires=outcome.expires + HOUR_MS), new])
    assert await snapshots.kept("account", outcome.token, outcome.id) == outcome
    assert await snapshots.kept("account", new.token, new.id) == new


async def test_one_outcome_kept_twice_at_the_same_moment_is_one(snapshots: Snapshots, outcome: Kept) -> None:
    others = [replace(outcome, code=code) for code in range(400, 408)]
    await asyncio.gather(*(snapshots.keep("account", [one]) for one in others))
    first = await snapshots.kept("account", outcome.token, outcome.id)
    assert first in others
    await snapshots.keep("account", [outcome])
    assert await snapshots.kept("account", outcome.token, outcome.id) == first


async def test_an_outcome_is_forgotten_when_it_expires(snapshots: Snapshots, clock: ShiftedClock, outcome: Kept) -> None:
    await snapshots.keep("account", [outcome])
    clock.ahead_ms += HOUR_MS - 60_000
    assert await snapshots.kept("account", outcome.token, outcome.id) == outcome
    clock.ahead_ms += 60_000
    assert await snapshots.kept("account", outcome.token, outcome.id) is None


async def test_what_has_expired_does_not_stay(snapshots: Snapshots, clock: ShiftedClock, outcome: Kept) -> None:
    await snapshots.keep("account", [outcome])
    clock.ahead_ms += HOUR_MS
    again = replace(outcome, code=409, expires=outcome.expires + HOUR_MS)
    await snapshots.keep("account", [again])
    assert await snapshots.kept("account", outcome.token, outcome.id) == again


async def test_nothing_to_keep_is_kept(snapshots: Snapshots) -> None:
    await snapshots.keep("account", [])


async def test_an_outcome_that_is_to_be_kept_for_ever_is_kept(snapshots: Snapshots, outcome: Kept) -> None:
    await snapshots.keep("account", [replace(outcome, expires=10**19)])
    kept = await snapshots.kept("account", outcome.token, outcome.id)
    assert kept is not None
    assert kept.body == outcome.body
