"""What every response carries, and which pages of other origins may read it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import ValidationError

from natya.memory import MemoryStore
from natya_edge.app import make_app
from natya_edge.auth.dev_secret import make_dev_token
from natya_edge.gateway import Gateway
from natya_edge.guard.listening import HTTP
from natya_edge.settings import EdgeSettings
from support.edge import SECRET

Client = TestClient[Any, Any]
BALANCE = "/v1/actors/account/alice/balance"
DEPOSIT = "/v1/actors/account/alice/deposit"
APP = "https://app.example.com"
TOKEN = {"Authorization": f"Bearer {make_dev_token(SECRET, 'ada')}"}


async def page(request: web.Request) -> web.Response:
    return web.Response(text="<p>", content_type="text/html", headers={"Content-Security-Policy": "default-src 'self'"})


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"a")
    return response


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[Client]:
    edge = EdgeSettings(_env_file=None, hs256=True, secret=SECRET, origins=(APP, "http://localhost:3000"), hsts=31_536_000)
    app = make_app(edge, gateway, MemoryStore())
    app.router.add_get("/page/{page}", page)
    app.router.add_get("/stream/{stream}", stream)
    server = TestServer(app)
    await server.start_server(**HTTP)
    async with TestClient(server) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", BALANCE, 200), ("POST", DEPOSIT, 200), ("GET", "/livez", 200), ("GET", "/nowhere", 404), ("PUT", DEPOSIT, 405),
     ("GET", "/v1/actors/account/alice/nothing", 404), ("GET", "/stream/s", 200), ("HEAD", BALANCE, 200)],
)  # fmt: skip
async def test_every_response_has_them(client: Client, method: str, path: str, status: int) -> None:
    async with client.request(method, path, headers={**TOKEN, "X-Request-Id": "r1"}) as response:
        assert response.status == status
        assert {name: response.headers.get(name) for name in (
            "X-Content-Type-Options", "Content-Security-Policy", "Referrer-Policy", "Cross-Origin-Resource-Policy",
            "Strict-Transport-Security", "Server", "X-Request-Id",
        )} == {
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
            "Server": "natya",
            "X-Request-Id": "r1",
        }  # fmt: skip


async def test_a_page_may_have_a_content_policy_of_its_own(client: Client) -> None:
    response = await client.get("/page/p", headers=TOKEN)
    assert response.headers.getall("Content-Security-Policy") == ["default-src 'self'"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_without_the_setting_nothing_is_said_of_tls(gateway: Gateway) -> None:
    async with TestClient(
        TestServer(make_app(EdgeSettings(_env_file=None, hs256=True, secret=SECRET), gateway, MemoryStore()))
    ) as client:
        response = await client.get("/livez", headers={"Origin": APP})
        assert not {"Strict-Transport-Security", "Access-Control-Allow-Origin", "Vary"} & set(response.headers)


@pytest.mark.parametrize(("path", "headers"), [(BALANCE, TOKEN), (BALANCE, {}), ("/nowhere", {}), ("/stream/s", TOKEN)])
async def test_a_page_of_an_allowed_origin_may_read_answers_and_problems(
    client: Client, path: str, headers: dict[str, str]
) -> None:
    response = await client.get(path, headers={**headers, "Origin": APP})
    assert response.headers["Access-Control-Allow-Origin"] == APP
    assert {"ETag", "Location", "Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-Id"} <= set(
        response.headers["Access-Control-Expose-Headers"].split(", ")
    )
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert "Origin" in response.headers["Vary"]


STRANGE = [
    "null", "https://app.example.com.evil.org", "https://evilapp.example.com", "http://app.example.com", "https://app.example.com:444",
    "https://app.example.com/", "HTTPS://APP.EXAMPLE.COM", "https://app.example.com, https://evil.org", "https://x.app.example.com", "*", "",
]  # fmt: skip


@pytest.mark.parametrize("origin", STRANGE)
async def test_a_page_of_any_other_origin_may_not(client: Client, origin: str) -> None:
    response = await client.get(BALANCE, headers={**TOKEN, "Origin": origin})
    assert response.status == 200
    assert not [name for name in response.headers if name.startswith("Access-Control")]
    assert response.headers["Vary"] == "Origin"
    response = await client.options(DEPOSIT, headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
    assert (response.status, (await response.json())["code"]) == (403, "forbidden")
    assert not [name for name in response.headers if name.startswith("Access-Control")]


async def test_a_preflight_is_answered_without_a_token(client: Client) -> None:
    headers = {"Origin": APP, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    response = await client.options(DEPOSIT, headers=headers)
    assert (response.status, await response.read()) == (204, b"")
    assert response.headers["Access-Control-Allow-Origin"] == APP
    assert set(response.headers["Access-Control-Allow-Methods"].split(", ")) == {"GET", "HEAD", "POST"}
    assert {"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Last-Event-ID", "Prefer"} <= set(
        response.headers["Access-Control-Allow-Headers"].split(", ")
    )
    assert response.headers["Access-Control-Max-Age"] == "600"
    assert response.headers["Vary"] == "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"


async def test_a_preflight_of_a_path_that_is_not_there_is_404_and_a_plain_options_none(client: Client) -> None:
    asked = {"Origin": APP, "Access-Control-Request-Method": "POST"}
    assert (await client.options("/nowhere", headers=asked)).status == 404
    plain = await client.options("/livez", headers={"Origin": APP})
    assert (plain.status, "Access-Control-Allow-Methods" in plain.headers) == (204, False)


async def test_vary_is_added_to_what_is_there(client: Client) -> None:
    response = await client.get("/v1/actors/types/a/cached", headers=TOKEN)
    assert response.headers["Vary"] == "Authorization, Origin"


@pytest.mark.parametrize(
    "origin", ["*", "null", "https://*.example.com", "https://example.com/", "example.com", "https://Example.com", "https://example.com:443", "ftp://example.com"]
)  # fmt: skip
def test_a_setting_that_no_browser_would_send_is_refused(origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATYA_EDGE_ORIGINS", f"https://good.example.com {origin}")
    with pytest.raises(ValidationError, match="is no origin as browsers send it"):
        EdgeSettings(_env_file=None)


def test_lists_are_written_with_spaces_or_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATYA_EDGE_ORIGINS", "https://a.example.com, http://localhost:3000")
    monkeypatch.setenv("NATYA_EDGE_TRUSTED_PROXIES", "10.0.0.0/8 fd00::/8,192.0.2.1")
    found = EdgeSettings(_env_file=None)
    assert found.origins == ("https://a.example.com", "http://localhost:3000")
    assert [str(network) for network in found.trusted_proxies] == ["10.0.0.0/8", "fd00::/8", "192.0.2.1/32"]
