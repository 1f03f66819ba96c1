"""One world for each adapter: every contract suite runs in all of them."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator

import pytest

from support.memory_world import memory_world
from support.world import World


@pytest.fixture(params=["memory", "jetstream"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "memory":
        async with memory_world() as memory:
            yield memory
    else:
        url = request.getfixturevalue("nats_url")
        module = importlib.import_module("support.jetstream_world")
        async with module.jetstream_world(url) as jetstream:
            yield jetstream
