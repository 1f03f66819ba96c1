"""An edge over a platform that only records what comes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from natya.memory import MemoryStore
from natya_edge.app import make_app
from natya_edge.auth.dev_secret import make_dev_token
from natya_edge.gateway import Gateway
from natya_edge.guard.listening import HTTP
from natya_edge.settings import EdgeSettings
from support.edge import SECRET, RecordingPlatform


@pytest.fixture
def edge_settings() -> EdgeSettings:
    return EdgeSettings(_env_file=None, hs256=True, secret=SECRET, body_limit=10_000, body_timeout=0.5)


@pytest.fixture
def platform() -> RecordingPlatform:
    return RecordingPlatform()


@pytest.fixture
def gateway(platform: RecordingPlatform) -> Gateway:
    gateway = Gateway()
    gateway.attach(platform)
    return gateway


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def server(gateway: Gateway, store: MemoryStore, edge_settings: EdgeSettings) -> AsyncIterator[TestServer]:
    server = TestServer(make_app(edge_settings, gateway, store))
    await server.start_server(**HTTP)
    yield server
    await server.close()


@pytest.fixture
async def client(server: TestServer) -> AsyncIterator[TestClient]:  # type: ignore[type-arg]
    """Sends a good token with every request."""
    async with TestClient(server, headers={"Authorization": f"Bearer {make_dev_token(SECRET, 'ada')}"}) as client:
        yield client
