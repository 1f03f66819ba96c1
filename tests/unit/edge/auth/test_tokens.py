"""Tokens that are believed, for how long they are remembered, and what makes them forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from natya.errors import Unauthenticated
from natya.memory.clock import ManualClock
from natya_edge.auth.claims import LEEWAY
from natya_edge.auth.dev_secret import DEV_ISSUER, dev_issuer, make_dev_token
from natya_edge.auth.issuer import OUR_ALGORITHMS, Issuer
from natya_edge.auth.keyring import Keyring
from natya_edge.auth.signing_key import LONGEST_LIFE
from natya_edge.auth.tokens import REMEMBERED, Tokens
from natya_edge.auth.verifying_key import VerifyingKey
from natya_edge.errors import BadToken
from support.edge import NOW_MS, SECRET
from support.forging import EDDSA, ES256, GOOD, NOW, at_once, claims, eddsa, es256, forged, header


class CountingKeyring(Keyring):
    """Says how often a token had to be verified."""

    asked = 0

    async def find(self, kid: str) -> VerifyingKey | None:
        self.asked += 1
        return await super().find(kid)


class Revoked:
    """Implements `Revocations`."""

    def __init__(self) -> None:
        self.jtis: set[str] = set()

    def is_revoked(self, claims: Mapping[str, str]) -> bool:
        return claims["jti"] in self.jtis


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(start_ms=NOW_MS)


@pytest.fixture
def keyring(clock: ManualClock) -> CountingKeyring:
    return CountingKeyring([EDDSA, ES256], clock)


@pytest.fixture
def revoked() -> Revoked:
    return Revoked()


@pytest.fixture
def tokens(keyring: Keyring, clock: ManualClock, revoked: Revoked) -> Tokens:
    return Tokens([Issuer("natya", "natya", OUR_ALGORITHMS, keyring)], clock, revocations=revoked, size=10)


def signed(payload: object = GOOD) -> str:
    return forged(payload, header(), eddsa)


def test_a_token_tells_subject_scopes_roles_issuer_and_claims_that_are_text(tokens: Tokens) -> None:
    found = at_once(tokens.verify(signed(claims(scope="a:read b:write", roles=["support"], email="a@b.c", level=3))))
    assert found.subject == "ada"
    assert found.scopes == {"a:read", "b:write"}
    assert found.roles == {"support"}
    assert found.issuer == "natya"
    assert found.claims == {
        "iss": "natya",
        "aud": "natya",
        "sub": "ada",
        "jti": "1",
        "scope": "a:read b:write",
        "email": "a@b.c",
    }


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_both_algorithms_and_every_spelling_of_the_type_are_good(tokens: Tokens, typ: str) -> None:
    assert at_once(tokens.verify(forged(GOOD, header(typ=typ), eddsa))).subject == "ada"
    assert at_once(tokens.verify(forged(GOOD, header(typ=typ, alg="ES256", kid=ES256.kid), es256))).subject == "ada"


def test_what_the_keyring_signs_is_good(tokens: Tokens, keyring: Keyring) -> None:
    assert at_once(tokens.verify(keyring.sign(claims(sub="bob")))).subject == "bob"


async def test_a_token_is_good_in_its_time_with_a_leeway_for_clocks(tokens: Tokens, clock: ManualClock) -> None:
    token = signed(claims(iat=NOW + LEEWAY, nbf=NOW + LEEWAY, exp=NOW + 60.5))
    assert (await tokens.verify(token)).subject == "ada"
    await clock.advance(60.5 + LEEWAY - 0.001)
    assert (await tokens.verify(token)).subject == "ada"
    await clock.advance(0.002)
    with pytest.raises(BadToken, match="expired"):
        await tokens.verify(token)


def test_no_token_lives_longer_than_any_that_we_would_sign(tokens: Tokens) -> None:
    longest = int(LONGEST_LIFE.total_seconds())
    assert at_once(tokens.verify(signed(claims(exp=NOW + longest))))
    with pytest.raises(BadToken, match="31 days"):
        at_once(tokens.verify(signed(claims(exp=NOW + longest + 1))))


async def test_verified_tokens_are_remembered_for_a_while_and_never_past_their_end(
    tokens: Tokens, keyring: CountingKeyring, clock: ManualClock
) -> None:
    long, short = signed(claims(exp=NOW + 600)), signed(claims(exp=NOW + 10))
    for token in (long, short):
        assert tokens.recall(token) is None
        assert tokens.recall(token) is None
        found = await tokens.verify(token)
        assert tokens.recall(token) is found
    assert keyring.asked == 2

    await clock.advance(10 + LEEWAY)
    assert tokens.recall(long) is not None
    assert tokens.recall(short) is None
    await clock.advance(REMEMBERED - 10 - LEEWAY)
    assert tokens.recall(long) is None
    assert len(tokens) == 0


async def test_a_token_is_forgotten_with_its_key(tokens: Tokens, keyring: Keyring) -> None:
    first, second = signed(), forged(GOOD, header(alg="ES256", kid=ES256.kid), es256)
    await tokens.verify(first)
    await tokens.verify(second)
    keyring.replace([ES256])
    assert tokens.recall(first) is None
    assert tokens.recall(second) is not None
    with pytest.raises(BadToken, match="no key"):
        await tokens.verify(first)


async def test_a_revoked_token_is_refused_at_once_also_when_it_is_remembered(tokens: Tokens, revoked: Revoked) -> None:
    token, other = signed(claims(jti="a")), signed(claims(jti="b"))
    await tokens.verify(token)
    await tokens.verify(other)
    revoked.jtis.add("a")
    assert tokens.recall(token) is None
    assert tokens.recall(other) is not None
    with pytest.raises(BadToken, match="revoked"):
        await tokens.verify(token)


async def test_another_spelling_of_an_ecdsa_signature_is_the_same_token_to_revocation(
    tokens: Tokens, revoked: Revoked
) -> None:
    """From a signature (r, s) anybody can make (r, n - s), which is as good: tokens are told apart by jti, not by their text."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

    def mirrored(text: bytes) -> bytes:
        signature = es256(text)
        return signature[:32] + (order - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")

    token = forged(GOOD, header(alg="ES256", kid=ES256.kid), mirrored)
    assert (await tokens.verify(token)).subject == "ada"
    revoked.jtis.add("1")
    with pytest.raises(BadToken, match="revoked"):
        await tokens.verify(token)


async def test_a_bounded_number_of_tokens_is_remembered_the_newest(tokens: Tokens) -> None:
    made = [signed(claims(jti=str(number))) for number in range(30)]
    for token in made:
        await tokens.verify(token)
    assert len(tokens) == 10
    assert [tokens.recall(token) is not None for token in made] == [False] * 20 + [True] * 10


async def test_a_development_token_is_good_where_its_secret_is_taken_and_nowhere_else(
    tokens: Tokens, clock: ManualClock
) -> None:
    token = make_dev_token(SECRET, "ada", scope="a:read", roles=["operator"], lifetime=timedelta(minutes=1), clock=clock)
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "at+jwt"}
    found = await Tokens([dev_issuer(SECRET)], clock).verify(token)
    assert (found.subject, found.issuer) == ("ada", DEV_ISSUER)
    assert (found.scopes, found.roles) == (frozenset({"a:read"}), frozenset({"operator"}))
    with pytest.raises(BadToken, match="nobody whom we know"):
        await tokens.verify(token)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    max_leaves=5,
)


def fresh() -> Tokens:
    clock = ManualClock(start_ms=NOW_MS)
    return Tokens([Issuer("natya", "natya", OUR_ALGORITHMS, Keyring([EDDSA], clock))], clock)


@given(JSON)
def test_whatever_a_claim_is_the_token_is_good_or_bad(value: object) -> None:
    tokens = fresh()
    for name in (*GOOD, "nbf", "scope", "roles"):
        try:
            found = at_once(tokens.verify(signed(claims(**{name: value}))))
        except Unauthenticated:
            continue
        assert found.subject == (value if name == "sub" else "ada")


@given(JSON)
def test_whatever_a_header_is_the_token_is_good_or_bad(value: Any) -> None:
    tokens = fresh()
    for name in ("alg", "typ", "kid", "crit", "b64", "jku", "jwk", "x5u", "x5c", "zip", "cty"):
        try:
            found = at_once(tokens.verify(forged(GOOD, header(**{name: value}), eddsa)))
        except Unauthenticated:
            continue
        assert found.subject == "ada"


@given(
    st.text()
    | st.from_regex(r"[A-Za-z0-9_=.-]{0,200}", fullmatch=True)
    | st.from_regex(r"(e[A-Za-z0-9_-]*\.){2}[A-Za-z0-9_-]*")
)
def test_whatever_text_comes_is_no_token(text: str) -> None:
    with pytest.raises(Unauthenticated):
        at_once(fresh().verify(text))


@given(st.data())
def test_a_token_with_any_character_changed_proves_nothing(data: st.DataObject) -> None:
    token = signed()
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCxyz019-_.=+/ \x00é").filter(lambda each: each != token[place]))
    with pytest.raises(Unauthenticated):
        at_once(fresh().verify(token[:place] + other + token[place + 1 :]))
