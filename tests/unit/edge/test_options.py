"""HEAD and OPTIONS, wherever there is something."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from natya.message import Answer
from support.edge import RecordingPlatform

Client = TestClient[Any, Any]

PATHS = {
    "/v1/actors/account": "GET, HEAD, OPTIONS",
    "/v1/actors/account/a": "GET, HEAD, OPTIONS",
    "/v1/actors/account/a/balance": "GET, HEAD, OPTIONS",
    "/livez": "GET, HEAD, OPTIONS",
    "/readyz": "GET, HEAD, OPTIONS",
    "/openapi.json": "GET, HEAD, OPTIONS",
}


@pytest.mark.parametrize("path", PATHS)
async def test_options_tells_what_may_be_done_without_a_token_and_without_asking_anybody(
    server: TestServer, platform: RecordingPlatform, path: str
) -> None:
    async with TestClient(server) as client:
        response = await client.options(path)
        assert (response.status, response.headers["Allow"], await response.read()) == (204, PATHS[path], b"")
        assert response.headers["X-Request-Id"]
        assert (await client.options("/nowhere")).status == 404
    assert platform.calls == []


@pytest.mark.parametrize("path", PATHS)
async def test_a_head_request_is_a_get_without_its_body(client: Client, platform: RecordingPlatform, path: str) -> None:
    platform.answer = Answer(b'{"version":7,"state":{"balance":5}}')
    whole, head = await client.get(path), await client.head(path)
    assert (head.status, await head.read()) == (whole.status, b"") == (200, b"")
    changing = {"Date", "X-Request-Id", "RateLimit"}
    assert {name: head.headers[name] for name in head.headers.keys() - changing} == {
        name: whole.headers[name] for name in whole.headers.keys() - changing
    }
