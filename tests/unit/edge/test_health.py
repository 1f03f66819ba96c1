"""Alive whatever happens; ready only while calls can be served."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from natya.memory import MemoryStore
from natya_edge.gateway import Gateway
from support.edge import RecordingPlatform


@pytest.fixture
async def nobody(server: TestServer) -> Any:
    """A client without a token."""
    async with TestClient(server) as client:
        yield client


async def test_it_is_ready_without_a_token(nobody: TestClient[Any, Any]) -> None:
    for path, body in (("/livez", {"live": True}), ("/readyz", {"ready": True})):
        response = await nobody.get(path)
        assert (response.status, await response.json()) == (200, body)


@pytest.mark.parametrize("trouble", ["disconnected", "no kinds", "detached", "draining"])
async def test_it_is_alive_but_not_ready(
    nobody: TestClient[Any, Any], platform: RecordingPlatform, gateway: Gateway, trouble: str
) -> None:
    match trouble:
        case "disconnected":
            platform.connected = False
        case "no kinds":
            platform.kinds = {}
        case "detached":
            gateway.detach("the platform cannot be reached")
        case _:
            gateway.draining = True
    assert (await nobody.get("/livez")).status == 200
    response = await nobody.get("/readyz")
    assert (response.status, (await response.json())["ready"]) == (503, False)
    assert (await response.json())["reason"] == gateway.trouble != ""


async def test_it_is_alive_but_not_ready_while_the_store_is_away(nobody: TestClient[Any, Any], store: MemoryStore) -> None:
    store.reachable = False
    assert (await nobody.get("/livez")).status == 200
    response = await nobody.get("/readyz")
    assert (response.status, await response.json()) == (503, {"ready": False, "reason": "the store does not answer"})


async def test_connections_are_closed_while_it_drains(nobody: TestClient[Any, Any], gateway: Gateway) -> None:
    assert (await nobody.get("/livez")).headers.get("Connection") != "close"
    gateway.draining = True
    assert (await nobody.get("/livez")).headers["Connection"] == "close"


async def test_a_changed_manifest_counts_at_once(
    server: TestServer, client: TestClient[Any, Any], platform: RecordingPlatform
) -> None:
    path = "/v1/actors/account/alice/balance"
    assert (await client.get(path)).status == 200
    changed = {**platform.kinds["account"], "methods": {**platform.kinds["account"]["methods"]}}
    del changed["methods"]["balance"]
    platform.kinds["account"] = changed
    assert (await client.get(path)).status == 404
    del platform.kinds["account"]
    assert (await (await client.get(path)).json())["detail"] == "no kind 'account' is deployed; there is goods, plain, types"
