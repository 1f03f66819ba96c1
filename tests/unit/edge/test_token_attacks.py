"""The running edge against known attacks on tokens: 401 with a problem document and a challenge, whatever comes, and never 500."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from natya.memory import MemoryStore
from natya.memory.clock import ManualClock
from natya_edge.app import make_app
from natya_edge.auth.dev_secret import make_dev_token
from natya_edge.auth.key_folder import KeyFolder
from natya_edge.gateway import Gateway
from natya_edge.guard.listening import HTTP
from natya_edge.settings import EdgeSettings
from support.edge import NOW_MS, SECRET, RecordingPlatform, Response, send_raw
from support.forging import EDDSA, ES256, NOW, RSA_JWK, claims, eddsa, forged, header
from support.jwks_server import JwksServer
from support.token_attacks import GOOD_TOKENS, attacks
from support.token_contents import EXTERNAL, PREFIX

OPEN = "/v1/actors/types/a/cached"
"""A query that whoever is known may ask."""


@pytest.fixture
async def issuer() -> AsyncIterator[JwksServer]:
    """Another issuer, whose tokens the edge takes."""
    async with JwksServer(RSA_JWK).running() as server:
        yield server


@pytest.fixture
async def collector() -> AsyncIterator[JwksServer]:
    """A server that nobody must ever ask."""
    async with JwksServer().running() as server:
        yield server
        assert server.requests == []


@pytest.fixture
async def trusting(gateway: Gateway, issuer: JwksServer, tmp_path: Path) -> AsyncIterator[TestServer]:
    """An edge that takes tokens of every kind that there is."""
    for key in (EDDSA, ES256):
        KeyFolder(tmp_path).write(key)
    external = {"issuer": EXTERNAL, "jwks": issuer.url, "algorithms": ["RS256"], "subject_prefix": PREFIX}
    settings = EdgeSettings(_env_file=None, keys=tmp_path, hs256=True, secret=SECRET, issuers=[external])
    server = TestServer(make_app(settings, gateway, MemoryStore(), clock=ManualClock(start_ms=NOW_MS)))
    await server.start_server(**HTTP)
    yield server
    await server.close()


async def answer(server: TestServer, token: str) -> Response:
    """Byte by byte, for a client's library would not send some of them."""
    head = b"GET " + OPEN.encode() + b" HTTP/1.1\r\nHost: edge\r\nConnection: close\r\nAuthorization: Bearer "
    assert server.port is not None
    return await send_raw(server.host, server.port, head + token.encode("utf-8", "surrogatepass") + b"\r\n\r\n")


async def test_what_is_no_attack_is_let_in(trusting: TestServer) -> None:
    found = {name: (await answer(trusting, token)).status for name, token in GOOD_TOKENS.items()}
    assert found == dict.fromkeys(GOOD_TOKENS, 200)


async def test_an_attack_is_401_with_a_problem_and_a_challenge(
    trusting: TestServer, collector: JwksServer, issuer: JwksServer, platform: RecordingPlatform
) -> None:
    known = attacks(collector.url)
    assert len(known) > 400
    wrong = {}
    for name, token in known.items():
        response = await answer(trusting, token)
        challenge = response.headers.get("Www-Authenticate", "")
        good = (
            response.status == response.json["status"] == 401
            and response.headers["Content-Type"] == "application/problem+json"
            and response.json["code"] == "unauthenticated"
            and challenge.startswith('Bearer realm="natya", error="invalid_token", error_description="')
            and challenge.count('"') == 6
            and challenge.isascii()
        )
        if not good:
            wrong[name] = response
    assert wrong == {}
    assert platform.calls == []
    assert len(issuer.requests) == 1


HEADERS = {
    "another scheme": "Basic YTpi",
    "no scheme": "token",
    "no token": "Bearer",
    "blank token": "Bearer  ",
    "a huge token": f"Bearer {'a' * 16_000}",
    "two tokens": "Bearer a b",
    "an expired token": f"Bearer {forged(claims(exp=NOW - 60), header(), eddsa)}",
}


@pytest.mark.parametrize("value", HEADERS.values(), ids=HEADERS.keys())
async def test_a_bad_header_is_401_with_a_challenge(server: TestServer, platform: RecordingPlatform, value: str) -> None:
    async with TestClient(server) as client:
        response = await client.get(OPEN, headers={"Authorization": value})
        problem = await response.json()
    assert response.status == problem["status"] == 401
    assert response.headers["WWW-Authenticate"].startswith(
        'Bearer realm="natya", error="invalid_token", error_description="'
    )
    assert platform.calls == []


async def test_no_token_is_401_with_a_plain_challenge_on_every_spelling_of_the_path(
    server: TestServer, platform: RecordingPlatform
) -> None:
    async with TestClient(server) as client:
        for path in (OPEN, "/%761/actors/types/a/cached", "/v1/actors/types/a"):
            response = await client.get(URL(path, encoded=True))
            assert response.status == 401
            assert response.headers["WWW-Authenticate"] == 'Bearer realm="natya"'
    assert platform.calls == []


async def test_two_authorization_headers_are_refused(server: TestServer) -> None:
    good = f"Bearer {make_dev_token(SECRET)}"
    async with TestClient(server) as client:
        response = await client.get(OPEN, headers=[("Authorization", good), ("Authorization", good)])
    assert response.status == 401
