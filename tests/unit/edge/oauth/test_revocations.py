"""What was revoked is known here at once and at every other edge after its next reading."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from natya.memory import ManualClock, MemoryRecords
from natya.ports.records import Record
from natya.ports.store import StoreUnavailable
from natya_edge.oauth.errors import InvalidGrant
from natya_edge.oauth.revocations import LONGEST_LIFE, Revocations, family_of, token_of, user_before
from support.oauth import Bench, bench


@pytest.fixture
async def there(here: Bench, records: MemoryRecords, clock: ManualClock) -> AsyncIterator[Bench]:
    """Another edge on the same store, with the same keys."""
    async with bench(records, clock, keyring=here.keyring) as made:
        yield made


async def test_a_revoked_access_token_is_good_no_more(here: Bench, there: Bench, secret: str) -> None:
    one, other = [await here.ask(secret, "client_credentials") for _ in range(2)]
    await here.revoke(secret, one["access_token"])
    assert not await here.is_good(one)
    assert await there.is_good(one)
    await there.revocations.read()
    assert not await there.is_good(one)
    assert await here.is_good(other)
    assert await there.is_good(other)


async def test_revoking_a_refresh_token_ends_the_log_in_and_its_access_tokens(here: Bench, secret: str) -> None:
    await here.user()
    one, other = [await here.log_in(secret) for _ in range(2)]
    await here.revoke(secret, one["refresh_token"])
    assert not await here.is_good(one)
    with pytest.raises(InvalidGrant):
        await here.refresh(secret, one["refresh_token"])
    assert await here.is_good(other)
    await here.refresh(secret, other["refresh_token"])


@pytest.mark.parametrize("token", ["x", "a.b.c", "x" * 64, "A" * 64, "é"])
async def test_what_is_no_token_is_revoked_without_an_error(here: Bench, secret: str, token: str) -> None:
    await here.revoke(secret, token)
    assert len(here.revocations) == 0


async def test_revoking_twice_is_revoking_once(here: Bench, secret: str) -> None:
    await here.user()
    answer = await here.log_in(secret)
    for token in (answer["access_token"], answer["refresh_token"]):
        for _ in range(2):
            await here.revoke(secret, token)
    assert not await here.is_good(answer)


async def test_a_client_cannot_revoke_what_is_another_s(here: Bench, secret: str) -> None:
    await here.user()
    answer = await here.log_in(secret)
    other = await here.client("other")
    for token in (answer["access_token"], answer["refresh_token"]):
        with pytest.raises(InvalidGrant, match="another client"):
            await here.revoke(other, token, id="other")
    assert await here.is_good(answer)


@pytest.mark.parametrize("what", ["user", "client"])
async def test_disabling_an_account_ends_its_access_tokens_and_no_others(
    here: Bench, there: Bench, secret: str, what: str
) -> None:
    await here.user()
    await here.user("bob")
    other = await here.client("other")
    ann, bob, own = await here.log_in(secret), await here.log_in(secret, "bob"), await here.ask(secret, "client_credentials")
    foreign = await here.ask(other, "client_credentials", id="other")
    admin = here.admin
    if what == "user":
        await admin.disable(admin.users, "ann")
    else:
        await admin.disable(admin.clients, "web")
    await there.revocations.read()
    good = [await there.is_good(answer) for answer in (ann, bob, own, foreign)]
    assert good == ([False, True, True, True] if what == "user" else [False, False, False, True])


async def test_tokens_made_after_a_change_are_good_at_once(here: Bench, secret: str) -> None:
    await here.user()
    old = await here.log_in(secret)
    await here.admin.set_password("ann", "another one, and long")
    new = await here.log_in(secret, password="another one, and long")
    await here.revocations.read()
    assert not await here.is_good(old)
    assert await here.is_good(new)


async def test_an_entry_stays_as_long_as_a_token_can_live_and_no_longer(records: MemoryRecords, clock: ManualClock) -> None:
    revocations = Revocations(records, clock)
    await revocations.add(token_of("one"))
    await clock.advance(LONGEST_LIFE)
    await revocations.read()
    assert revocations.is_revoked({"jti": "one"})
    await revocations.add(family_of("f"))
    await clock.advance(LONGEST_LIFE)
    await revocations.read()
    assert (len(revocations), revocations.is_revoked({"jti": "one"})) == (1, False)


async def test_an_entry_that_is_added_again_lasts_anew(records: MemoryRecords, clock: ManualClock) -> None:
    revocations = Revocations(records, clock)
    await revocations.add(family_of("f"))
    await clock.advance(LONGEST_LIFE)
    await revocations.add(family_of("f"))
    await clock.advance(LONGEST_LIFE)
    await revocations.read()
    assert revocations.is_revoked({"sid": "f"})


async def test_of_several_editions_the_highest_counts(records: MemoryRecords, clock: ManualClock) -> None:
    revocations = Revocations(records, clock)
    for edition in ("5", "7", "6"):
        await revocations.add(user_before("ann", edition))
    assert revocations.is_revoked({"sub": "ann", "user_edition": "6"})
    assert not revocations.is_revoked({"sub": "ann", "user_edition": "7"})
    assert not revocations.is_revoked({"sub": "bob", "user_edition": "1"})
    assert not revocations.is_revoked({"sub": "ann"})


async def test_a_long_list_is_read_as_a_whole(records: MemoryRecords, clock: ManualClock) -> None:
    writer, reader = Revocations(records, clock), Revocations(records, clock)
    for number in range(2_000):
        await writer.add(token_of(f"t{number}"))
    await reader.read()
    assert len(reader) == 2_000


class SlowToList(MemoryRecords):
    """Answers a list with what was there when it was asked for, as late as a test says."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.go = asyncio.Event()

    async def list(self, collection: str, *, after: str = "", limit: int = 1_000) -> list[Record]:
        found = await super().list(collection, after=after, limit=limit)
        await self.go.wait()
        return found


async def test_what_is_revoked_while_the_list_is_read_is_not_lost(clock: ManualClock) -> None:
    records = SlowToList(clock)
    revocations = Revocations(records, clock)
    reading = asyncio.create_task(revocations.read())
    await asyncio.sleep(0)
    await revocations.add(token_of("one"))
    records.go.set()
    await reading
    assert revocations.is_revoked({"jti": "one"})


async def test_while_the_store_is_away_the_list_stays_and_it_is_said_once(
    records: MemoryRecords, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    writer, reader = Revocations(records, clock), Revocations(records, clock)
    await writer.add(token_of("one"))
    with caplog.at_level(logging.INFO, "natya.edge"):
        task = asyncio.create_task(reader.keep_reading(5.0))
        await clock.advance(0)
        records.available = False
        await clock.advance(20.0)
        assert reader.is_revoked({"jti": "one"})
        records.available = True
        await writer.add(token_of("two"))
        await clock.advance(5.0)
        assert reader.is_revoked({"jti": "two"})
    task.cancel()
    await asyncio.wait([task])
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    records.available = False
    with pytest.raises(StoreUnavailable):
        await reader.read()
