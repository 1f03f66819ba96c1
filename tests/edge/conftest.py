"""The edge over real servers and a worker that nobody kills."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import ClientSession

from natya.settings import Settings
from natya_edge.auth.dev_secret import make_dev_token
from natya_edge.main import Running, serving
from natya_edge.settings import EdgeSettings
from support.cluster import Cluster
from support.edge import SECRET
from support.world import eventually


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """Shared by the tests of this process: use keys of your own, never stop a part of it."""
    async with Cluster(tmp_path_factory.mktemp("edge"), workers=1) as running:
        yield running


@pytest.fixture
async def edge(cluster: Cluster) -> AsyncIterator[Running]:
    """A ready edge."""
    settings = Settings(_env_file=None, nats=cluster.nats.url, store=cluster.store.url)
    async with serving(settings, EdgeSettings(_env_file=None, port=0, hs256=True, secret=SECRET)) as running:
        await eventually(lambda: not running.gateway.trouble, limit=30)
        yield running


@pytest.fixture
async def http(edge: Running) -> AsyncIterator[ClientSession]:
    """A client of the edge, with a token of the subject ``ada``."""
    async with ClientSession(
        edge.url, headers={"Authorization": f"Bearer {make_dev_token(SECRET, 'ada')}"}, raise_for_status=False
    ) as session:
        yield session


@pytest.fixture
def key() -> str:
    """A key that no other test uses."""
    return f"k{secrets.token_hex(6)}"
