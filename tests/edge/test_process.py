"""``natya edge`` as a process: before NATS is there, while it is away, and at the end."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest
from aiohttp import ClientSession

from natya.settings import Settings
from natya_edge.main import serving
from natya_edge.settings import EdgeSettings
from natya_ops.servers.ports import free_port
from support.cluster import Cluster
from support.edge import SECRET
from support.edge_process import TOKEN, is_status, natya_edge, status
from support.waiting import until
from support.world import eventually


async def test_it_starts_before_nats_and_recovers_whenever_nats_is_away(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, workers=1)
    cluster.nats.port = free_port()
    cluster.store.port = free_port()
    port = free_port()
    balance = "/v1/actors/account/alice/balance"
    async with (
        natya_edge(cluster.nats.url, cluster.store.url, port) as child,
        ClientSession(f"http://127.0.0.1:{port}") as http,
    ):
        await is_status(http, "/livez", 200)
        assert await status(http, "/readyz") == 503
        began = time.monotonic()
        assert await status(http, balance) == 503
        assert time.monotonic() - began < 5

        async with cluster:
            await is_status(http, "/readyz", 200)
            assert await status(http, balance) == 200
            await cluster.nats.kill()
            await is_status(http, "/readyz", 503)
            began = time.monotonic()
            assert await status(http, balance) == 503
            assert time.monotonic() - began < 5
            assert await status(http, "/livez") == 200
            await cluster.nats.start()
            await is_status(http, "/readyz", 200)
            await is_status(http, balance, 200)
        assert child.returncode is None


async def test_it_is_not_ready_without_its_store_but_serves_actors(tmp_path: Path) -> None:
    port = free_port()
    balance = "/v1/actors/account/alice/balance"
    async with (
        Cluster(tmp_path, workers=1) as cluster,
        natya_edge(cluster.nats.url, cluster.store.url, port),
        ClientSession(f"http://127.0.0.1:{port}") as http,
    ):
        await is_status(http, "/readyz", 200)
        assert await status(http, balance) == 200
        await cluster.store.kill()
        await is_status(http, "/readyz", 503)
        assert await status(http, "/livez") == 200
        assert await status(http, balance) == 200
        await cluster.store.start()
        await is_status(http, "/readyz", 200)
        cluster.store.process.signal(signal.SIGSTOP)
        try:
            await is_status(http, "/readyz", 503)
            assert await status(http, balance) == 200
        finally:
            cluster.store.process.signal(signal.SIGCONT)
        await is_status(http, "/readyz", 200)


async def test_it_finishes_what_runs_and_then_ends(cluster: Cluster, key: str) -> None:
    port = free_port()
    async with (
        natya_edge(cluster.nats.url, cluster.store.url, port) as child,
        ClientSession(f"http://127.0.0.1:{port}") as http,
    ):
        await is_status(http, "/readyz", 200)

        async def slow() -> tuple[int, str]:
            path = f"/v1/actors/ledger/{key}/enter_slowly"
            async with http.post(path, json={"entry": "last", "seconds": 1.5}, headers=TOKEN) as response:
                return response.status, await response.text()

        running = asyncio.create_task(slow())
        await until(lambda: status(http, f"/v1/actors/ledger/{key}/entries"), lambda found: found == 200)
        child.send_signal(signal.SIGTERM)
        await is_status(http, "/livez", 0)
        assert await running == (200, '{"count":1}')
        assert await asyncio.wait_for(child.wait(), 20) == 0


async def test_a_second_signal_ends_it_at_once(cluster: Cluster) -> None:
    port = free_port()
    async with (
        natya_edge(cluster.nats.url, cluster.store.url, port, NATYA_EDGE_DRAIN_DELAY="600") as child,
        ClientSession(f"http://127.0.0.1:{port}") as http,
    ):
        await is_status(http, "/readyz", 200)
        child.send_signal(signal.SIGTERM)
        await is_status(http, "/readyz", 503)
        assert await status(http, "/v1/actors/account/any/balance") == 200
        child.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(child.wait(), 20) == 1


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"NATYA_EDGE_SECRET": ""}, "NATYA_EDGE_HS256 needs a secret"),
        ({"NATYA_EDGE_SECRET": "short"}, "at least 32 are needed"),
        ({"NATYA_EDGE_SECRET_FILE": "/nowhere/key"}, "cannot read its secret from /nowhere/key"),
        ({"NATYA_EDGE_HS256": "0"}, "set NATYA_EDGE_KEYS instead"),
        ({"NATYA_EDGE_HS256": "0", "NATYA_EDGE_SECRET": ""}, "the edge needs keys for its tokens"),
        ({"NATYA_EDGE_KEYS": "/nowhere/keys"}, "cannot read the signing keys in /nowhere/keys"),
        ({"NATYA_EDGE_ISSUERS": "[{"}, "NATYA_EDGE_ISSUERS"),
        ({"NATYA_EDGE_ISSUERS": "[{}]"}, "NATYA_EDGE_ISSUERS_0_ISSUER"),
        ({"NATYA_SECRETS": "/nowhere"}, "NATYA_SECRETS names /nowhere, which is no folder"),
        ({"NATYA_EDGE_PORT": "99999"}, "NATYA_EDGE_PORT is '99999'"),
        ({"NATYA_EDGE_HOST": "192.0.2.1"}, "cannot listen on 192.0.2.1"),
    ],
)
async def test_a_wrong_setting_ends_it_with_one_line(tmp_path: Path, environment: dict[str, str], said: str) -> None:
    async with natya_edge("nats://127.0.0.1:1", "mongodb://127.0.0.1:1", free_port(), **environment) as child:
        _, errors = await asyncio.wait_for(child.communicate(), 30)
    lines = errors.decode().splitlines()
    assert child.returncode == 1
    assert lines[-1].startswith("natya: ")
    assert said in lines[-1]
    assert "Traceback" not in errors.decode()


async def test_a_port_that_is_taken_is_named(cluster: Cluster) -> None:
    settings, edge = (
        Settings(_env_file=None, nats=cluster.nats.url),
        EdgeSettings(_env_file=None, port=0, hs256=True, secret=SECRET),
    )
    async with serving(settings, edge) as first:
        await eventually(lambda: not first.gateway.trouble, limit=30)
        port = first.url.rpartition(":")[2]
        async with natya_edge(cluster.nats.url, cluster.store.url, int(port)) as child:
            _, errors = await asyncio.wait_for(child.communicate(), 30)
    assert child.returncode == 1
    assert f"natya: the edge cannot listen on 127.0.0.1:{port}" in errors.decode()
