"""Tokens over HTTP: what comes in may be anything, what goes out is as the standards say."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from natya.clock import SystemClock
from natya.memory import MemoryStore
from natya_edge.app import make_app
from natya_edge.auth.key_folder import KeyFolder
from natya_edge.auth.signing_key import new_key
from natya_edge.gateway import Gateway
from natya_edge.guard.listening import HTTP
from natya_edge.oauth.administration import Administration
from natya_edge.oauth.passwords import Passwords
from natya_edge.settings import EdgeSettings
from support.oauth import ALL, CHEAP, PASSWORD

Client = TestClient[Any, Any]

BALANCE = "/v1/actors/account/ann/balance"


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def http(gateway: Gateway, store: MemoryStore, tmp_path: Path) -> AsyncIterator[Client]:
    """A client without a token, of an edge with a client ``web`` and a user ``ann``."""
    KeyFolder(tmp_path).write(new_key("EdDSA", datetime.now(UTC)))
    server = TestServer(make_app(EdgeSettings(_env_file=None, keys=tmp_path, body_timeout=0.3), gateway, store))
    await server.start_server(**HTTP)
    async with TestClient(server) as client:
        yield client


@pytest.fixture
async def secret(store: MemoryStore) -> str:
    async with Passwords(cost=CHEAP) as passwords:
        admin = Administration(store.records, passwords, SystemClock())
        await admin.add_user("ann", PASSWORD, ["a"], ["operator"])
        _, made = await admin.add_client("web", ALL, ["a"], ["operator"])
    return made


async def post(http: Client, path: str, proof: str = "", **parameters: str) -> tuple[int, Any]:
    headers = {"Authorization": "Basic " + base64.b64encode(f"web:{proof}".encode()).decode()} if proof else {}
    async with http.post(path, data=parameters, headers=headers) as response:
        assert response.headers["Cache-Control"] == "no-store"
        return response.status, await response.json(content_type=None)


async def works(http: Client, token: str) -> bool:
    async with http.get(BALANCE, headers={"Authorization": f"Bearer {token}"}) as response:
        assert response.status in (200, 401)
        return response.status == 200


async def test_a_token_opens_the_api_until_it_is_revoked(http: Client, secret: str) -> None:
    status, answer = await post(http, "/oauth/token", secret, grant_type="password", username="ann", password=PASSWORD)
    assert status == 200
    assert await works(http, answer["access_token"])
    assert await post(http, "/oauth/revoke", secret, token=answer["refresh_token"]) == (200, {})
    assert not await works(http, answer["access_token"])
    status, refused = await post(
        http, "/oauth/token", secret, grant_type="refresh_token", refresh_token=answer["refresh_token"]
    )
    assert (status, refused["error"]) == (400, "invalid_grant")


async def test_an_access_token_is_revoked_alone(http: Client, secret: str) -> None:
    one, other = [(await post(http, "/oauth/token", secret, grant_type="client_credentials"))[1] for _ in range(2)]
    assert await post(http, "/oauth/revoke", secret, token=one["access_token"], token_type_hint="x") == (200, {})
    assert not await works(http, one["access_token"])
    assert await works(http, other["access_token"])


async def test_an_error_is_as_the_standard_says_with_a_challenge_where_it_is_due(http: Client, secret: str) -> None:
    async with http.post("/oauth/token", data={"grant_type": "x", "client_id": "web", "client_secret": "x"}) as response:
        assert response.status == 401
        assert response.content_type == "application/json"
        assert response.headers["WWW-Authenticate"].startswith("Basic realm=")
        assert set(await response.json()) == {"error", "error_description"}
    assert (await post(http, "/oauth/token", secret))[1]["error"] == "invalid_request"
    assert (await post(http, "/oauth/token", secret, grant_type="x"))[1]["error"] == "unsupported_grant_type"
    assert (await post(http, "/oauth/revoke", secret))[1]["error"] == "invalid_request"
    status, error = await post(http, "/oauth/token?grant_type=client_credentials", secret)
    assert (status, error["error"]) == (400, "invalid_request")


async def test_guesses_from_one_address_are_limited_whatever_is_guessed_at(
    gateway: Gateway, store: MemoryStore, secret: str, tmp_path: Path
) -> None:
    KeyFolder(tmp_path).write(new_key("EdDSA", datetime.now(UTC)))
    edge = EdgeSettings(
        _env_file=None, keys=tmp_path, trusted_proxies=(ip_network("127.0.0.1"),), failure_rate=0.01, failure_burst=3
    )
    server = TestServer(make_app(edge, gateway, store))
    await server.start_server(**HTTP)
    proof = {"client_id": "web", "client_secret": secret}
    passwords = [{"grant_type": "password", "username": f"user{n}", "password": PASSWORD} for n in range(5)]
    refreshes = [{"grant_type": "refresh_token", "refresh_token": f"{n}" * 64} for n in range(5)]
    async with TestClient(server) as client:
        for address, guesses in (("203.0.113.7", passwords), ("203.0.113.8", refreshes)):
            seen = []
            for guess in guesses:
                sent = {**proof, **guess}
                async with client.post("/oauth/token", data=sent, headers={"X-Forwarded-For": address}) as response:
                    seen.append(response.status)
            assert seen == [400, 400, 400, 429, 429]


async def test_other_methods_are_not_allowed(http: Client) -> None:
    for path in ("/oauth/token", "/oauth/revoke"):
        async with http.get(path) as response:
            assert (response.status, "POST" in response.headers["Allow"]) == (405, True)


async def test_a_body_too_large_or_too_slow_is_a_problem(http: Client) -> None:
    async with http.post("/oauth/token", data={"a": "x" * (16 << 10)}) as response:
        assert (response.status, (await response.json())["code"]) == (413, "too_large")

    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 1024

    async with http.post("/oauth/token", data=in_pieces()) as response:
        assert (response.status, (await response.json())["code"]) == (413, "too_large")

    async def never() -> AsyncIterator[bytes]:
        yield b"a="
        await asyncio.sleep(600)

    async with http.post("/oauth/token", data=never()) as response:
        assert (response.status, (await response.json())["code"]) == (408, "body_timeout")


async def test_while_the_store_is_away_a_request_is_503_and_tokens_go_on(
    http: Client, store: MemoryStore, secret: str
) -> None:
    _, answer = await post(http, "/oauth/token", secret, grant_type="client_credentials")
    store.records.available = False
    async with http.post("/oauth/token", data={"client_id": "web", "client_secret": secret}) as response:
        assert response.status == 503
        assert response.headers["Retry-After"]
        assert "set to be away" not in await response.text()
    assert await works(http, answer["access_token"])


async def test_a_flood_of_log_ins_is_refused_and_other_routes_answer(http: Client, secret: str) -> None:
    log_in = {"grant_type": "password", "username": "ann", "password": "wrong"}
    flood = [
        asyncio.create_task(post(http, "/oauth/token", secret, **{**log_in, "username": f"user-{n}"})) for n in range(60)
    ]
    await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED)
    async with http.get("/livez") as response:
        assert response.status == 200
    statuses = [status for status, _ in await asyncio.gather(*flood)]
    assert set(statuses) == {400, 503}
    assert statuses.count(400) >= 34


async def test_the_metadata_names_every_place(http: Client) -> None:
    async with http.get("/.well-known/oauth-authorization-server") as response:
        found = await response.json()
    base = str(http.make_url("")).rstrip("/")
    assert found["issuer"] == "natya"
    assert {found[name] for name in ("token_endpoint", "revocation_endpoint", "jwks_uri")} == {
        f"{base}/oauth/token",
        f"{base}/oauth/revoke",
        f"{base}/.well-known/jwks.json",
    }
    assert found["response_types_supported"] == []
    for name in ("token_endpoint", "revocation_endpoint"):
        async with http.post(found[name].removeprefix(base)) as response:
            assert response.status == 400
    async with http.get(found["jwks_uri"].removeprefix(base)) as response:
        assert response.status == 200
    async with http.get("/.well-known/oauth-authorization-server", headers={"Host": "a b"}) as response:
        assert response.status == 400


NAMES = st.sampled_from(
    [
        "grant_type",
        "client_id",
        "client_secret",
        "username",
        "password",
        "refresh_token",
        "scope",
        "token",
        "token_type_hint",
    ]
)
VALUES = st.sampled_from(
    ["password", "refresh_token", "client_credentials", "web", "ann", "", "A" * 64, "a.b.c", "\0", "é", "a b", "\ud7ff"]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
FORMS = st.lists(st.tuples(NAMES | st.text(st.characters(exclude_categories=["Cs"]), max_size=5), VALUES), max_size=6)
BODIES = FORMS.map(lambda pairs: urlencode(pairs).encode()) | st.binary(max_size=60)
PROOFS = st.sampled_from(["", "good", "Basic", "Basic " + "A" * 10, "Bearer x"]) | st.text(
    st.characters(min_codepoint=32, max_codepoint=126), max_size=30
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(["/oauth/token", "/oauth/revoke"]), body=BODIES, proof=PROOFS, in_body=st.booleans())
async def test_whatever_comes_is_answered_by_the_standard_and_never_an_error_of_ours(
    http: Client, secret: str, path: str, body: bytes, proof: str, in_body: bool
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if proof:
        headers["Authorization"] = proof
    if proof == "good":
        headers["Authorization"] = "Basic " + base64.b64encode(f"web:{secret}".encode()).decode()
    elif in_body:
        body += b"&" + urlencode({"client_id": "web", "client_secret": secret}).encode()
    async with http.post(path, data=body, headers=headers) as response:
        answer = await response.json()
        assert response.status in (200, 400, 401, 429), answer
        assert response.headers["Cache-Control"] == "no-store"
        if response.status in (400, 401):
            assert set(answer) == {"error", "error_description"}
            assert (response.status == 401) == (answer["error"] == "invalid_client")
