"""One cluster for all tests of the wire: nobody kills it. Two workers, so that most asks are proxied."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from support.bare_client import Bare, bare_client
from support.cluster import Cluster

IMPATIENT = {"NATYA_TELL_BACKOFF": "0.05", "NATYA_TELL_ATTEMPTS": "3"}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """Shared by the tests of this process: use keys of your own, never stop a part of it."""
    async with Cluster(tmp_path_factory.mktemp("wire"), workers=2, environment=IMPATIENT) as running:
        yield running


@pytest.fixture
async def bare(cluster: Cluster) -> AsyncIterator[Bare]:
    """A client of the protocol, connected."""
    async with bare_client(cluster.nats.url) as client:
        yield client


@pytest.fixture
def key() -> str:
    """A key that no other test uses."""
    return f"k{secrets.token_hex(6)}"
