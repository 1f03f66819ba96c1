"""Worlds on the shared server, each in a namespace of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from natya.jetstream import JetStream, open_jetstream
from natya.settings import Settings
from natya_ops.servers import NatsServer
from support.jetstream_world import JetStreamWorld, jetstream_world


@pytest.fixture
async def world(nats_url: str) -> AsyncIterator[JetStreamWorld]:
    async with jetstream_world(nats_url) as world:
        yield world


@pytest.fixture
async def own(nats_server: NatsServer) -> AsyncIterator[JetStream]:
    """A connection to a server of the test's own, its platform made."""
    settings = Settings(_env_file=None, nats=nats_server.url, append_timeout=1)
    async with open_jetstream(settings, name="test") as jetstream:
        await jetstream.ensure_platform()
        yield jetstream
