"""Anybody may read the public keys, and keep them for a while."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from natya.errors import ConfigurationError
from natya.memory import MemoryStore
from natya_edge.app import make_app
from natya_edge.auth.key_folder import KeyFolder
from natya_edge.auth.signing_key import ALGORITHMS, new_key
from natya_edge.gateway import Gateway
from natya_edge.settings import EdgeSettings
from support.edge import SECRET


@pytest.fixture
async def public(gateway: Gateway, tmp_path: Path) -> AsyncIterator[TestClient]:  # type: ignore[type-arg]
    """A client without a token, of an edge with two keys in ``tmp_path``."""
    for algorithm in ALGORITHMS:
        KeyFolder(tmp_path).write(new_key(algorithm, datetime.now(UTC)))
    settings = EdgeSettings(_env_file=None, hs256=True, secret=SECRET, keys=tmp_path)
    async with TestClient(TestServer(make_app(settings, gateway, MemoryStore()))) as client:
        yield client


async def test_the_public_keys_need_no_token(public: TestClient, tmp_path: Path) -> None:  # type: ignore[type-arg]
    response = await public.get("/.well-known/jwks.json")
    assert response.status == 200
    assert response.content_type == "application/json"
    assert response.headers["Cache-Control"] == "public, max-age=300"
    keys = (await response.json())["keys"]
    assert sorted(key["kid"] for key in keys) == sorted(key.kid for key in KeyFolder(tmp_path).read())
    assert not any("d" in key for key in keys)


async def test_an_edge_that_signs_nothing_publishes_nothing(client: TestClient) -> None:  # type: ignore[type-arg]
    response = await client.get("/.well-known/jwks.json")
    assert await response.json() == {"keys": []}


def test_a_folder_that_cannot_be_read_ends_the_start(gateway: Gateway, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read the signing keys"):
        make_app(EdgeSettings(_env_file=None, hs256=True, secret=SECRET, keys=tmp_path / "none"), gateway, MemoryStore())
