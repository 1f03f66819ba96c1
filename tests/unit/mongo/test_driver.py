"""Wrong settings, and a store that is not there."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from natya.errors import ConfigurationError
from natya.mongo import open_snapshots
from natya.ports.snapshots import SnapshotsUnavailable
from natya.settings import Settings


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "mongodb://host:27017"),
        ("mongodb://", "mongodb://host:27017"),
        ("mongodb://host:port", "mongodb://host:27017"),
        ("http://127.0.0.1:27017", "mongodb://host:27017"),
        ("mongodb://me:se/cret@host", "must be percent-encoded"),
    ],
)
async def test_a_wrong_address_is_told_with_the_setting(url: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match="NATYA_STORE is not a MongoDB URL") as raised:
        async with open_snapshots(Settings(store=url)):
            pass
    assert why in str(raised.value)
    assert "cret" not in str(raised.value)


@pytest.mark.parametrize("name", ["", "a b", "a.b", "$x"])
async def test_a_wrong_database_is_told_with_the_setting(name: str) -> None:
    with pytest.raises(ConfigurationError, match="NATYA_DATABASE"):
        async with open_snapshots(Settings(database=name)):
            pass


async def test_a_store_that_is_away_is_no_error_at_the_start_and_says_so_soon(unused_tcp_port: int) -> None:
    async with open_snapshots(Settings(store=f"mongodb://127.0.0.1:{unused_tcp_port}")) as snapshots:
        began = time.monotonic()
        report = await snapshots.check()
        assert time.monotonic() - began < 10
    assert not report.reachable
    assert report.reason.startswith(f"no server found in 2 s: 127.0.0.1:{unused_tcp_port}")
    assert "Topology" not in report.reason


async def test_a_server_that_never_answers_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        async with open_snapshots(Settings(store=f"mongodb://127.0.0.1:{port}")) as snapshots, asyncio.timeout(20):
            with pytest.raises(SnapshotsUnavailable):
                await snapshots.load("account", ["alice"])


async def test_closed_snapshots_are_unavailable(store_url: str) -> None:
    async with open_snapshots(Settings(store=store_url)) as snapshots:
        assert (await snapshots.check()).reachable
    with pytest.raises(SnapshotsUnavailable):
        await snapshots.load("account", ["alice"])
