"""Which tokens are believed. Whatever else comes is `unauthenticated`: never another error."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import jwt
import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from natya.errors import Unauthenticated
from natya.memory.clock import ManualClock
from natya_edge.errors import BadToken
from natya_edge.tokens import LEEWAY, REMEMBERED, Tokens, make_dev_token
from support.edge import NOW_MS, SECRET, RecordingPlatform

NOW = NOW_MS // 1000
GOOD = {"iss": "natya", "aud": "natya", "sub": "ada", "iat": NOW, "exp": NOW + 600, "jti": "1"}
HEADER = {"alg": "HS256", "typ": "at+jwt"}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(start_ms=NOW_MS)


@pytest.fixture
def tokens(clock: ManualClock) -> Tokens:
    return Tokens(SECRET, clock)


def part(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def signed(payload: object, header: object = HEADER, *, secret: str = SECRET, digest: str = "sha256") -> str:
    """A token signed by hand, so that no library keeps us from making a bad one."""
    text = f"{part(header)}.{part(payload)}"
    return f"{text}.{part(hmac.digest(secret.encode(), text.encode(), digest))}"


def claims(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}


async def test_a_development_token_is_good_for_its_subject_scopes_and_time(tokens: Tokens, clock: ManualClock) -> None:
    token = make_dev_token(SECRET, "ada", scope="a:read b:write", roles=(), lifetime=timedelta(minutes=1), clock=clock)
    found = tokens.verify(token)
    assert (found.subject, found.scopes, found.roles) == ("ada", frozenset({"a:read", "b:write"}), frozenset())
    assert found.issuer == found.claims["iss"] == "natya"
    assert tokens.verify(make_dev_token(SECRET, clock=clock)).roles == {"operator"}
    assert jwt.get_unverified_header(token) == HEADER
    await clock.advance(60 + LEEWAY)
    with pytest.raises(BadToken, match="expired"):
        tokens.verify(token)


def test_a_token_made_by_hand_is_good(tokens: Tokens) -> None:
    assert tokens.verify(signed(GOOD)).subject == "ada"
    assert tokens.verify(signed(GOOD, {"alg": "HS256", "typ": "application/AT+JWT"})).subject == "ada"


NESTED = b'{"a":' * 600 + b"1" + b"}" * 600

ATTACKS: Mapping[str, str] = {
    "none": f"{part({'alg': 'none', 'typ': 'at+jwt'})}.{part(GOOD)}.",
    "None": f"{part({'alg': 'None', 'typ': 'at+jwt'})}.{part(GOOD)}.",
    "none with our signature": signed(GOOD, {"alg": "none", "typ": "at+jwt"}),
    "no algorithm": signed(GOOD, {"typ": "at+jwt"}),
    "another algorithm": signed(GOOD, {"alg": "HS512", "typ": "at+jwt"}, digest="sha512"),
    "a key pair's algorithm": signed(GOOD, {"alg": "RS256", "typ": "at+jwt"}),
    "algorithm of a wrong type": signed(GOOD, {"alg": ["HS256"], "typ": "at+jwt"}),
    "no type": signed(GOOD, {"alg": "HS256"}),
    "another type": signed(GOOD, {"alg": "HS256", "typ": "JWT"}),
    "type of a wrong type": signed(GOOD, {"alg": "HS256", "typ": {}}),
    "another secret": signed(GOOD, secret="another-secret-that-is-long-enough-for-it"),
    "empty secret": signed(GOOD, secret=""),
    "a key in the header": signed(GOOD, {**HEADER, "jwk": {"kty": "oct", "k": "AAAA"}}, secret="\0\0\0"),
    "critical header": signed(GOOD, {**HEADER, "crit": ["exp"]}),
    "detached payload": signed(GOOD, {**HEADER, "b64": False, "crit": ["b64"]}),
    "payload changed": signed(GOOD).replace(part(GOOD), part({**GOOD, "sub": "eve"})),
    "no signature": signed(GOOD).rpartition(".")[0] + ".",
    "two parts": signed(GOOD).rpartition(".")[0],
    "four parts": signed(GOOD) + ".x",
    "five parts, as if encrypted": "a.b.c.d.e",
    "empty": "",
    "garbage": "garbage",
    "dots": "..",
    "no base64": "$.$.$",
    "not ASCII": "é.é.é",
    "surrogates, as undecodable bytes come": "\udcff.\udcff.\udcff",
    "header is no object": signed(GOOD, []),
    "payload is no object": signed([1]),
    "payload is no JSON": signed(b"no JSON"),
    "payload is no UTF-8": signed(b"\xff\xff"),
    "header nested deeply": signed(GOOD, NESTED),
    "payload nested deeply": signed(NESTED),
    "huge": signed({**GOOD, "more": "x" * 100_000}),
    "expired": signed(claims(exp=NOW - 60)),
    "expired by a float": signed(claims(exp=NOW - 60.5)),
    "issued in the future": signed(claims(iat=NOW + 60)),
    "not yet valid": signed(claims(nbf=NOW + 60)),
    "nbf is text": signed(claims(nbf="soon")),
    "wrong issuer": signed(claims(iss="eve")),
    "issuer is a list": signed(claims(iss=["natya"])),
    "wrong audience": signed(claims(aud="other")),
    "audience is a list": signed(claims(aud=["natya", "other"])),
    "audience is a number": signed(claims(aud=1)),
    "exp is text": signed(claims(exp="tomorrow")),
    "exp is a number as text": signed(claims(exp=str(NOW + 600))),
    "exp is true": signed(claims(exp=True)),
    "exp is infinite": signed(json.dumps(GOOD).replace(str(NOW + 600), "1e999").encode()),
    "exp is not a number": signed(json.dumps(GOOD).replace(str(NOW + 600), "NaN").encode()),
    "exp is enormous": signed(claims(exp=10**400)),
    "exp has more digits than Python reads": signed(json.dumps(GOOD).replace(str(NOW + 600), "9" * 2_900).encode()),
    "exp is negative": signed(claims(exp=-1)),
    "iat is a list": signed(claims(iat=[])),
    "subject is a number": signed(claims(sub=1)),
    "subject is empty": signed(claims(sub="")),
    "subject has outer spaces": signed(claims(sub="ada ")),
    "subject has a line break": signed(claims(sub="ada\r\nNatya-Caller: eve")),
    "subject has a surrogate": signed(claims(sub="\ud800")),
    "subject is long": signed(claims(sub="a" * 256)),
    "jti is a number": signed(claims(jti=1)),
    "scope is a list": signed(claims(scope=["a"])),
    "roles are text": signed(claims(roles="operator")),
    "a role is a number": signed(claims(roles=["user", 1])),
    **{f"no {name}": signed(claims(**{name: ...})) for name in GOOD},
    **{f"{name} is null": signed(claims(**{name: None})) for name in GOOD},
}


@pytest.mark.parametrize("token", ATTACKS.values(), ids=ATTACKS.keys())
def test_a_bad_token_proves_nothing(tokens: Tokens, token: str) -> None:
    with pytest.raises(BadToken) as refused:
        tokens.verify(token)
    assert refused.value.detail.isascii()
    assert '"' not in refused.value.detail  # it is quoted in a header
    assert len(tokens) == 0


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
        max_leaves=5,
    )
)
def test_whatever_a_claim_is_the_token_is_good_or_bad(value: object) -> None:
    tokens = Tokens(SECRET, ManualClock(start_ms=NOW_MS))
    for name in (*GOOD, "nbf", "scope"):
        try:
            found = tokens.verify(signed(claims(**{name: value})))
        except Unauthenticated:
            continue
        assert found.subject == (value if name == "sub" else "ada")


@given(st.text())
def test_whatever_text_comes_is_no_token(text: str) -> None:
    with pytest.raises(Unauthenticated):
        Tokens(SECRET).verify(text)


async def test_verified_tokens_are_remembered_for_a_while_and_never_past_their_end(
    tokens: Tokens, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    plain = Tokens._claims

    def counting(self: Tokens, token: str) -> dict[str, Any]:
        verified.append(token)
        return plain(self, token)

    monkeypatch.setattr(Tokens, "_claims", counting)
    long, short = signed(claims(exp=NOW + 600)), signed(claims(exp=NOW + 10))
    for _ in range(3):
        tokens.verify(long)
        tokens.verify(short)
    assert verified == [long, short]

    await clock.advance(10 + LEEWAY)
    tokens.verify(long)
    with pytest.raises(BadToken, match="expired"):
        tokens.verify(short)
    assert verified == [long, short, short]

    await clock.advance(REMEMBERED)
    tokens.verify(long)
    assert verified == [long, short, short, long]


def test_a_bounded_number_of_tokens_is_remembered(clock: ManualClock) -> None:
    tokens = Tokens(SECRET, clock, size=10)
    for number in range(100):
        tokens.verify(signed(claims(jti=str(number))))
    assert len(tokens) == 10


BAD_HEADERS = {
    "another scheme": "Basic YTpi",
    "no scheme": "token",
    "no token": "Bearer",
    "blank token": "Bearer  ",
    "a huge token": f"Bearer {'a' * 16_000}",
    "two tokens": "Bearer a b",
    "an expired token": "Bearer " + signed(claims(exp=1)),
}


@pytest.mark.parametrize("value", BAD_HEADERS.values(), ids=BAD_HEADERS.keys())
async def test_a_bad_token_is_401_with_a_challenge(server: TestServer, platform: RecordingPlatform, value: str) -> None:
    async with TestClient(server) as client:
        response = await client.get("/v1/actors/account/alice/balance", headers={"Authorization": value})
        problem = await response.json()
    assert response.status == problem["status"] == 401
    assert response.content_type == "application/problem+json"
    assert problem["code"] == "unauthenticated"
    assert response.headers["WWW-Authenticate"].startswith(
        'Bearer realm="natya", error="invalid_token", error_description="'
    )
    assert platform.calls == []


async def test_no_token_is_401_with_a_plain_challenge_on_every_spelling_of_the_path(
    server: TestServer, platform: RecordingPlatform
) -> None:
    async with TestClient(server) as client:
        for path in ("/v1/actors/account/alice/balance", "/%761/actors/account/alice/balance", "/v1/actors/account/alice"):
            response = await client.get(URL(path, encoded=True))
            assert response.status == 401
            assert response.headers["WWW-Authenticate"] == 'Bearer realm="natya"'
    assert platform.calls == []


async def test_two_authorization_headers_are_refused(server: TestServer) -> None:
    good = f"Bearer {make_dev_token(SECRET)}"
    async with TestClient(server) as client:
        response = await client.get(
            "/v1/actors/account/alice/balance", headers=[("Authorization", good), ("Authorization", good)]
        )
    assert response.status == 401
