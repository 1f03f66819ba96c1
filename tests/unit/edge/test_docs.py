"""The page at `/docs`: whole, from this server alone, and not there where it is not wanted."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from natya.memory import MemoryStore
from natya_edge.app import make_app
from natya_edge.gateway import Gateway
from natya_edge.settings import EdgeSettings
from support.edge import SECRET


@pytest.fixture
async def nobody(server: TestServer) -> Any:
    """A client without a token."""
    async with TestClient(server) as client:
        yield client


async def test_the_page_and_all_that_it_loads_are_there_without_a_token(nobody: TestClient[Any, Any]) -> None:
    async with nobody.get("/docs") as response:
        assert (response.status, response.content_type) == (200, "text/html")
        page = await response.text()
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(loaded) == 6
    for path in loaded:
        async with nobody.get(f"/{path}") as response:
            assert (path, response.status, bool(await response.read())) == (path, 200, True)


async def test_only_this_server_may_be_used_and_nothing_is_inline(nobody: TestClient[Any, Any]) -> None:
    async with nobody.get("/docs") as response:
        policy, page = response.headers["Content-Security-Policy"], await response.text()
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert not re.search(r"unsafe|https?:", policy)
    assert not re.search(r"<script(?![^>]*src=)|<style|https?:|\son\w+=|\sstyle=", page)


async def test_it_can_be_turned_off(gateway: Gateway, store: MemoryStore) -> None:
    app = make_app(EdgeSettings(_env_file=None, hs256=True, secret=SECRET, docs=False), gateway, store)
    async with TestClient(TestServer(app)) as client:
        for path in ("/docs", "/docs/page.js", "/openapi.json"):
            async with client.get(path) as response:
                assert (response.status, (await response.json())["code"]) == (404, "not_found")
