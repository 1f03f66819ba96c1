"""Keys of another issuer: fetched rarely whatever is asked, kept for a stated time, and never from somewhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import orjson
import pytest
from aiohttp import ClientError

from natya.errors import Unavailable
from natya.memory.clock import ManualClock
from natya_edge.auth import published_keys
from natya_edge.auth.published_keys import FRESH, MAX_SIZE, PAUSE, STALE, PublishedKeys, fetch
from support.forging import RSA_JWK, RSA_KID
from support.jwks_server import JwksServer
from support.world import eventually

SECOND = {**RSA_JWK, "kid": "rsa-2"}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def server() -> AsyncIterator[JwksServer]:
    async with JwksServer(RSA_JWK).running() as server:
        yield server


@pytest.fixture
async def keys(server: JwksServer, clock: ManualClock) -> AsyncIterator[PublishedKeys]:
    async with PublishedKeys(server.url, ["RS256"], clock) as keys:
        yield keys


async def test_many_that_ask_at_once_wait_for_one_fetch(keys: PublishedKeys, server: JwksServer) -> None:
    server.hold.clear()
    asking = [asyncio.create_task(keys.find(RSA_KID)) for _ in range(50)]
    await eventually(lambda: server.requests)
    server.hold.set()
    found = await asyncio.gather(*asking)
    assert len(set(map(id, found))) == 1
    assert found[0] is not None
    assert (found[0].kid, found[0].algorithm) == (RSA_KID, "RS256")
    assert len(server.requests) == 1


async def test_who_waits_may_leave_without_ending_the_fetch_of_the_others(keys: PublishedKeys, server: JwksServer) -> None:
    server.hold.clear()
    first, second = (asyncio.create_task(keys.find(RSA_KID)) for _ in range(2))
    await eventually(lambda: server.requests)
    first.cancel()
    await asyncio.wait([first])
    server.hold.set()
    assert await second is not None
    assert len(server.requests) == 1


async def test_unknown_keys_cause_one_fetch_in_a_pause_however_many_are_named(
    keys: PublishedKeys, server: JwksServer, clock: ManualClock
) -> None:
    for number in range(100):
        assert await keys.find(f"unknown-{number}") is None
    assert len(server.requests) == 1
    await clock.advance(PAUSE)
    for number in range(100):
        assert await keys.find(f"unknown-{number}") is None
    assert len(server.requests) == 2


async def test_a_new_key_is_found_when_it_is_first_named(
    keys: PublishedKeys, server: JwksServer, clock: ManualClock
) -> None:
    before = await keys.find(RSA_KID)
    server.publish(RSA_JWK, SECOND)
    await clock.advance(PAUSE)
    assert await keys.find("rsa-2") is not None
    assert await keys.find(RSA_KID) is before


async def test_keys_are_fetched_in_passing_before_they_are_old(
    keys: PublishedKeys, server: JwksServer, clock: ManualClock
) -> None:
    await keys.find(RSA_KID)
    await clock.advance(FRESH / 2 + 1)
    server.hold.clear()
    assert await keys.find(RSA_KID) is not None  # nobody waits
    await eventually(lambda: len(server.requests) == 2)
    server.hold.set()


async def test_a_key_that_is_no_longer_published_is_withdrawn_when_keys_are_old(
    keys: PublishedKeys, server: JwksServer, clock: ManualClock
) -> None:
    key = await keys.find(RSA_KID)
    assert key is not None
    server.publish(SECOND)
    await clock.advance(FRESH)
    assert await keys.find(RSA_KID) is None
    assert key.withdrawn


async def test_while_the_issuer_is_away_keys_stay_good_for_a_stated_time_and_then_nothing_is(
    keys: PublishedKeys, server: JwksServer, clock: ManualClock
) -> None:
    key = await keys.find(RSA_KID)
    assert key is not None
    server.status = 500
    await clock.advance(FRESH)
    assert await keys.find(RSA_KID) is key
    with pytest.raises(Unavailable, match="answered with 500") as refused:
        await keys.find("rsa-2")  # it may be a new key: nobody can say
    assert refused.value.retry_after == PAUSE
    await clock.advance(STALE - FRESH)
    with pytest.raises(Unavailable):
        await keys.find(RSA_KID)
    assert key.withdrawn

    server.status = 200
    await clock.advance(PAUSE)
    assert await keys.find(RSA_KID) is not None


async def test_an_issuer_that_is_away_is_asked_no_more_often_than_one_that_is_there(
    keys: PublishedKeys, server: JwksServer, clock: ManualClock
) -> None:
    server.status = 503
    for _ in range(20):
        with pytest.raises(Unavailable):
            await keys.find(RSA_KID)
    assert len(server.requests) == 1


BAD = {
    "no JSON": (b"no", "unexpected|expected"),
    "no set": (b"[]", "no JWK Set"),
    "no keys": (b'{"keys": []}', "no key with a kid for RS256"),
    "only keys for something else": (
        orjson.dumps({"keys": [{**RSA_JWK, "use": "enc"}, {**RSA_JWK, "alg": "RS512"}, {**RSA_JWK, "kid": 1}, 1]}),
        "no key with a kid",
    ),
    "too many keys": (orjson.dumps({"keys": [RSA_JWK] * 101}), "101 keys"),
    "too large": (b" " * (MAX_SIZE + 1), "more than 262144 bytes"),
    "nested deeply": (b"[" * 100_000, "recursion|expected|depth"),
}


@pytest.mark.parametrize(("body", "message"), BAD.values(), ids=BAD.keys())
async def test_a_document_that_is_none_is_trouble_of_the_issuer(
    keys: PublishedKeys, server: JwksServer, body: bytes, message: str
) -> None:
    server.body = body
    with pytest.raises(Unavailable, match=message):
        await keys.find(RSA_KID)


async def test_no_redirect_is_followed(server: JwksServer) -> None:
    async with JwksServer(RSA_JWK).running() as other:
        server.status, server.headers = 302, {"Location": other.url}
        with pytest.raises(ValueError, match="302"):
            await fetch(server.url)
        assert other.requests == []


async def test_an_issuer_that_does_not_answer_is_given_up(server: JwksServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_keys, "TIMEOUT", 0.1)
    server.hold.clear()
    with pytest.raises(TimeoutError):
        await fetch(server.url)
    server.hold.set()


async def test_an_issuer_that_is_nowhere_is_named_as_such() -> None:
    with pytest.raises((ClientError, OSError)):
        await fetch("http://127.0.0.1:9/jwks")
    async with PublishedKeys("http://127.0.0.1:9/jwks", ["RS256"]) as keys:
        with pytest.raises(Unavailable, match="keys of the token's issuer cannot be read"):
            await keys.find("a")


async def test_a_fetch_ends_with_its_owner(server: JwksServer) -> None:
    server.hold.clear()
    async with PublishedKeys(server.url, ["RS256"]) as keys:
        asking = asyncio.create_task(keys.find(RSA_KID))
        await eventually(lambda: server.requests)
    await asyncio.wait([asking])
    assert asking.cancelled()
    server.hold.set()
