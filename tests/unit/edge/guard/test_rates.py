"""Rate limits as a client meets them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from natya.clock import SystemClock
from natya.memory import MemoryStore
from natya_edge.app import make_app
from natya_edge.auth.dev_secret import make_dev_token
from natya_edge.gateway import Gateway
from natya_edge.guard.listening import HTTP
from natya_edge.settings import EdgeSettings
from support.edge import SECRET, RecordingPlatform

QUERY = "/v1/actors/types/a/cached"
Client = TestClient[Any, Any]
Opened = Callable[..., AbstractAsyncContextManager[Client]]


class Time(SystemClock):
    """Wall clock as it is, the other one by hand."""

    now = 1_000.0

    def boottime(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def opened(clock: Time, platform: RecordingPlatform, gateway: Gateway) -> Opened:
    @asynccontextmanager
    async def open(**settings: Any) -> AsyncIterator[Client]:
        edge = EdgeSettings(
            _env_file=None, hs256=True, secret=SECRET, trusted_proxies=(ip_network("127.0.0.1"),), **settings
        )
        server = TestServer(make_app(edge, gateway, MemoryStore(), clock=clock))
        await server.start_server(**HTTP)
        async with TestClient(server) as client:
            yield client

    return open


def token(subject: str, *roles: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_dev_token(SECRET, subject, roles=roles)}"}


async def test_a_principal_is_told_what_is_left_and_refused_beyond(
    opened: Opened, clock: Time, platform: RecordingPlatform
) -> None:
    async with opened(principal_rate=2, principal_burst=3) as client:
        fields = []
        for _ in range(3):
            async with client.get(QUERY, headers=token("ada")) as response:
                assert response.status == 200
                fields.append((response.headers["RateLimit-Policy"], response.headers["RateLimit"]))
        assert fields == [
            ('"principal";q=3;w=2', f'"principal";r={left};t={reset}') for left, reset in ((2, 1), (1, 1), (0, 2))
        ]
        async with client.get(QUERY, headers=token("ada")) as response:
            problem = await response.json()
            assert response.status == 429
            assert (problem["code"], problem["limit"], problem["retry_after"]) == (
                "rate_limited",
                "principal",
                pytest.approx(0.5, abs=0.01),
            )
            assert (response.headers["Retry-After"], response.headers["RateLimit"]) == ("1", '"principal";r=0;t=2')
        assert len(platform.calls) == 3
        assert (await client.get(QUERY, headers=token("bob"))).status == 200
        clock.now += 0.51
        assert (await client.get(QUERY, headers=token("ada"))).status == 200


async def test_an_operator_has_a_limit_of_its_own(opened: Opened) -> None:
    async with opened(principal_rate=1, principal_burst=1) as client:
        for _ in range(50):
            async with client.get(QUERY, headers=token("ada", "operator")) as response:
                assert response.status == 200
                assert response.headers["RateLimit"].startswith('"operator";r=')


async def test_a_rate_of_zero_is_no_limit_and_says_nothing(opened: Opened) -> None:
    async with opened(principal_rate=0, operator_rate=0, failure_rate=0) as client:
        response = await client.get(QUERY, headers=token("ada"))
        assert response.status == 200
        assert not {"RateLimit", "RateLimit-Policy"} & set(response.headers)


async def test_health_is_not_limited_by_principal(opened: Opened) -> None:
    async with opened(principal_rate=1, principal_burst=1) as client:
        assert {(await client.get("/livez")).status for _ in range(20)} == {200}


async def test_an_address_is_limited_before_anybody_is_known(opened: Opened) -> None:
    async with opened(address_rate=1, address_burst=2) as client:
        seen = [(await client.get(QUERY, headers={"X-Forwarded-For": "203.0.113.7"})).status for _ in range(4)]
        assert seen == [401, 401, 429, 429]
        assert (await client.get("/livez", headers={"X-Forwarded-For": "203.0.113.7"})).status == 429
        assert (await client.get("/livez", headers={"X-Forwarded-For": "203.0.113.8"})).status == 200
        # Whatever stands left of what the proxy saw is made up.
        assert (await client.get("/livez", headers={"X-Forwarded-For": "9.9.9.9, 203.0.113.7"})).status == 429


async def test_this_machine_is_not_limited_by_address(opened: Opened) -> None:
    async with opened(address_rate=1, address_burst=1, failure_rate=1, failure_burst=1) as client:
        assert {(await client.get(QUERY)).status for _ in range(20)} == {401}
        assert {(await client.get(QUERY, headers={"Authorization": "Bearer x"})).status for _ in range(20)} == {401}


async def test_who_guesses_is_slowed_down_and_a_token_that_was_good_goes_on(opened: Opened, clock: Time) -> None:
    here, there = {"X-Forwarded-For": "203.0.113.7"}, {"X-Forwarded-For": "203.0.113.8"}
    good, new = token("ada"), token("new")
    async with opened(failure_rate=1, failure_burst=3) as client:
        assert (await client.get(QUERY, headers={**here, **good})).status == 200
        guesses = [(await client.get(QUERY, headers={**here, "Authorization": f"Bearer guess{n}"})).status for n in range(5)]
        assert guesses == [401, 401, 401, 429, 429]
        assert (await client.get(QUERY, headers={**here, **good})).status == 200
        assert (await client.get(QUERY, headers={**here, **new})).status == 429
        assert (await client.get(QUERY, headers={**there, **new})).status == 200
        clock.now += 5
        assert (await client.get(QUERY, headers={**here, **token("newer")})).status == 200


async def test_no_token_at_all_is_no_guess(opened: Opened) -> None:
    async with opened(failure_rate=1, failure_burst=1) as client:
        seen = {(await client.get(QUERY, headers={"X-Forwarded-For": "203.0.113.7"})).status for _ in range(10)}
        assert seen == {401}
