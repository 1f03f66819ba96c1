"""Which key signs, which keys are published, and what goes when one is taken away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from natya.memory.clock import ManualClock
from natya_edge.auth.access_token import access_claims
from natya_edge.auth.keyring import Keyring, NoSigningKey
from natya_edge.auth.signing_key import ALGORITHMS, LONGEST_LIFE, Algorithm, SigningKey, Stage, new_key
from support.edge import NOW_MS

START = datetime.fromtimestamp(NOW_MS / 1000, UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(start_ms=NOW_MS)


def claims(clock: ManualClock, lifetime: timedelta = HOUR) -> dict[str, Any]:
    return access_claims("natya", "natya", "ada", lifetime, clock=clock)


def kids(keyring: Keyring) -> list[str]:
    return [key["kid"] for key in keyring.jwks()["keys"]]


def key_from(hours: int, retire: int | None = None) -> SigningKey:
    return new_key(
        "EdDSA", START, use_from=START + hours * HOUR, retire_at=None if retire is None else START + retire * HOUR
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_signed_is_verified_with_the_published_key(clock: ManualClock, algorithm: Algorithm) -> None:
    key = new_key(algorithm, START)
    keyring = Keyring([key], clock)
    token = keyring.sign(claims(clock))
    [published] = keyring.jwks()["keys"]
    assert jwt.get_unverified_header(token) == {"alg": algorithm, "typ": "at+jwt", "kid": key.kid}
    options: Any = {"verify_exp": False, "verify_iat": False}
    assert jwt.decode(token, jwt.PyJWK(dict(published)), [algorithm], audience="natya", options=options)["sub"] == "ada"
    assert not {"d", "k", "p", "q"} & published.keys()
    assert {name: published[name] for name in ("kid", "use", "alg")} == {"kid": key.kid, "use": "sig", "alg": algorithm}


async def test_the_next_key_is_published_before_it_signs_and_the_last_one_as_long_as_its_tokens_live(
    clock: ManualClock,
) -> None:
    old, new = key_from(0, retire=1), key_from(1)
    keyring = Keyring([old, new], clock)
    assert kids(keyring) == [old.kid, new.kid]
    assert keyring.current().kid == old.kid

    await clock.advance(HOUR.total_seconds())
    assert keyring.current().kid == new.kid
    assert kids(keyring) == [old.kid, new.kid]
    assert await keyring.find(old.kid) is not None

    await clock.advance(LONGEST_LIFE.total_seconds())
    assert kids(keyring) == [new.kid]
    assert await keyring.find(old.kid) is None


def test_of_several_that_may_sign_the_newest_does(clock: ManualClock) -> None:
    keys = [key_from(-1), key_from(-3), key_from(2)]
    assert Keyring(keys, clock).current() is keys[0]


async def test_without_a_key_in_its_time_nothing_is_signed(clock: ManualClock) -> None:
    assert Keyring((), clock).jwks() == {"keys": []}
    for keys in ([], [key_from(1)], [key_from(-2, retire=-1)]):
        with pytest.raises(NoSigningKey) as refused:
            Keyring(keys, clock).sign(claims(clock))
        assert refused.value.code == 503


def test_no_token_lives_longer_than_its_key_is_published(clock: ManualClock) -> None:
    keyring = Keyring([key_from(0)], clock)
    keyring.sign(claims(clock, LONGEST_LIFE))
    with pytest.raises(ValueError, match="31 days"):
        keyring.sign(claims(clock, LONGEST_LIFE + timedelta(seconds=1)))


async def test_a_key_that_is_taken_away_or_exchanged_is_withdrawn_and_the_others_stay(clock: ManualClock) -> None:
    kept, gone, exchanged = key_from(0), key_from(0), key_from(0)
    keyring = Keyring([kept, gone, exchanged], clock)
    before = {key.kid: await keyring.find(key.kid) for key in (kept, gone, exchanged)}
    other = key_from(0)
    forged = SigningKey(exchanged.kid, other.algorithm, other.created, other.use_from, None, other.private)

    keyring.replace([kept, forged])

    withdrawn = {kid: key.withdrawn for kid, key in before.items() if key is not None}
    assert withdrawn == {kept.kid: False, gone.kid: True, exchanged.kid: True}
    assert await keyring.find(kept.kid) is before[kept.kid]
    assert await keyring.find(gone.kid) is None


def test_the_stages_of_a_key() -> None:
    key = key_from(0, retire=1)
    moments = [START - HOUR, START, START + HOUR, START + HOUR + LONGEST_LIFE]
    assert [key.stage(moment) for moment in moments] == [Stage.NEXT, Stage.ACTIVE, Stage.RETIRED, Stage.GONE]
    assert key_from(0).stage(START + 1000 * HOUR) is Stage.ACTIVE
