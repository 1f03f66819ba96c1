"""Refresh tokens: one is good at a time, one that was used ends the log-in, and a lost answer does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from natya.memory import ManualClock, MemoryRecords
from natya.ports.store import StoreUnavailable
from natya_edge.oauth.errors import InvalidGrant, InvalidScope, OAuthError
from natya_edge.settings import EdgeSettings
from support.oauth import Bench, Losing, bench, claims_of

GRACE = 30
DAY = 86_400


@pytest.fixture
def records(clock: ManualClock) -> Losing:
    return Losing(clock)


@pytest.fixture
async def there(here: Bench, records: MemoryRecords, clock: ManualClock) -> AsyncIterator[Bench]:
    """Another edge on the same store, with the same keys."""
    async with bench(records, clock, keyring=here.keyring) as made:
        yield made


@pytest.fixture
async def first(here: Bench, secret: str) -> str:
    """The refresh token of a log-in."""
    await here.user()
    return str((await here.log_in(secret))["refresh_token"])


async def is_over(at: Bench, secret: str, token: str) -> bool:
    try:
        await at.refresh(secret, token)
    except InvalidGrant:
        return True
    return False


async def test_a_refresh_gives_new_tokens_of_the_same_log_in(here: Bench, secret: str, first: str) -> None:
    answer = await here.refresh(secret, first)
    assert answer["refresh_token"] != first
    assert await here.is_good(answer)
    again = await here.refresh(secret, answer["refresh_token"])
    claims = [claims_of(each) for each in (answer, again)]
    assert claims[0]["sid"] == claims[1]["sid"]
    assert claims[0]["jti"] != claims[1]["jti"]
    assert [each["sub"] for each in claims] == ["ann", "ann"]


async def test_a_token_that_comes_again_after_the_grace_ends_the_log_in_at_every_edge(
    here: Bench, there: Bench, secret: str, first: str, clock: ManualClock
) -> None:
    honest = await here.refresh(secret, first)
    await clock.advance(GRACE)
    assert await is_over(there, secret, first)
    assert await is_over(here, secret, honest["refresh_token"])
    assert not await there.is_good(honest)
    await here.revocations.read()
    assert not await here.is_good(honest)


async def test_a_token_whose_successor_was_used_ends_the_log_in_within_the_grace_too(
    here: Bench, secret: str, first: str
) -> None:
    second = (await here.refresh(secret, first))["refresh_token"]
    third = (await here.refresh(secret, second))["refresh_token"]
    assert await is_over(here, secret, first)
    assert await is_over(here, secret, third)


async def test_who_repeats_a_request_within_the_grace_gets_the_same_successor(
    here: Bench, there: Bench, secret: str, first: str, clock: ManualClock
) -> None:
    one = await here.refresh(secret, first)
    await clock.advance(GRACE - 1)
    other = await there.refresh(secret, first)
    assert one["refresh_token"] == other["refresh_token"]
    assert await here.is_good(one)
    assert await here.is_good(other)
    await here.refresh(secret, one["refresh_token"])


async def test_without_a_grace_a_token_is_good_once(records: Losing, clock: ManualClock) -> None:
    async with bench(records, clock, settings=EdgeSettings(_env_file=None, refresh_token_grace=0)) as strict:
        secret = await strict.client()
        await strict.user()
        token = (await strict.log_in(secret))["refresh_token"]
        second = (await strict.refresh(secret, token))["refresh_token"]
        assert await is_over(strict, secret, token)
        assert await is_over(strict, secret, second)


async def test_refreshes_at_the_same_moment_at_two_edges_get_one_successor(
    here: Bench, there: Bench, secret: str, first: str
) -> None:
    answers = await asyncio.gather(*(edge.refresh(secret, first) for edge in (here, there) * 4))
    (second,) = {answer["refresh_token"] for answer in answers}
    await here.refresh(secret, second)
    assert await is_over(there, secret, first)


async def test_an_edge_that_ends_between_storing_and_answering_locks_nobody_out(
    here: Bench, there: Bench, records: Losing, secret: str, first: str
) -> None:
    records.lose = 1
    with pytest.raises(StoreUnavailable):
        await here.refresh(secret, first)
    second = (await there.refresh(secret, first))["refresh_token"]
    await there.refresh(secret, second)


async def test_an_edge_that_ends_while_it_ends_a_log_in_leaves_it_to_the_next_try(
    here: Bench, there: Bench, records: Losing, secret: str, first: str
) -> None:
    answer = await here.refresh(secret, first)
    records.lose = 1
    with pytest.raises(StoreUnavailable):
        await here.revoke(secret, answer["refresh_token"])
    await there.revocations.read()
    assert not await there.is_good(answer)
    await there.revoke(secret, answer["refresh_token"])
    assert await is_over(there, secret, answer["refresh_token"])


async def test_who_knows_a_log_in_s_id_but_no_token_of_it_cannot_end_it(here: Bench, secret: str, first: str) -> None:
    answer = await here.refresh(secret, first)
    sid = claims_of(answer)["sid"]
    for guess in (sid, (sid + "A" * 64)[:64]):
        assert await is_over(here, secret, guess)
    await here.refresh(secret, answer["refresh_token"])


async def test_a_token_of_another_client_is_refused_and_goes_on(here: Bench, secret: str, first: str) -> None:
    other = await here.client("other")
    with pytest.raises(InvalidGrant, match="another client"):
        await here.ask(other, "refresh_token", id="other", refresh_token=first)
    await here.refresh(secret, first)


async def test_a_refused_request_uses_no_token_up(here: Bench, secret: str, first: str, clock: ManualClock) -> None:
    with pytest.raises(InvalidScope):
        await here.refresh(secret, first, scope="c")
    await clock.advance(GRACE)
    await here.refresh(secret, first)


async def test_a_log_in_that_is_not_used_ends(here: Bench, secret: str, first: str, clock: ManualClock) -> None:
    await clock.advance(7 * DAY - 1)
    second = (await here.refresh(secret, first))["refresh_token"]
    await clock.advance(7 * DAY)
    assert await is_over(here, secret, second)


async def test_a_log_in_ends_after_its_time_however_often_it_is_used(
    here: Bench, secret: str, first: str, clock: ManualClock
) -> None:
    token = first
    for _ in range(5):
        await clock.advance(6 * DAY - 1)
        token = (await here.refresh(secret, token))["refresh_token"]
    await clock.advance(5)
    assert await is_over(here, secret, token)


async def test_scopes_may_be_asked_for_in_part_and_come_back_with_the_next_refresh(
    here: Bench, secret: str, first: str
) -> None:
    part = await here.refresh(secret, first, scope="a")
    assert part["scope"] == "a"
    assert (await here.refresh(secret, part["refresh_token"]))["scope"] == "a b"


async def test_what_a_user_may_no_more_is_not_granted_again(here: Bench, secret: str, first: str) -> None:
    await here.admin.change(here.admin.users, "ann", {"scopes": frozenset({"b"})})
    answer = await here.refresh(secret, first)
    assert answer["scope"] == "b"


@pytest.mark.parametrize("what", ["disable user", "new password", "remove user", "disable client", "new secret"])
async def test_what_ends_log_ins_ends_refreshes_at_once(here: Bench, secret: str, first: str, what: str) -> None:
    admin = here.admin
    now = secret
    match what:
        case "disable user":
            await admin.disable(admin.users, "ann")
        case "new password":
            await admin.set_password("ann", "another one, and long")
        case "remove user":
            await admin.remove(admin.users, "ann")
            await here.user()
        case "disable client":
            await admin.disable(admin.clients, "web")
            with pytest.raises(OAuthError):
                await here.refresh(secret, first)
            await admin.enable(admin.clients, "web")
        case "new secret":
            now = await admin.set_secret("web")
    assert await is_over(here, now, first)
