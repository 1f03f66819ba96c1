"""Two edges on one NATS server, and the limit of one principal."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

from aiohttp import ClientSession

from natya.settings import Settings
from natya_edge.auth.dev_secret import make_dev_token
from natya_edge.main import serving
from natya_edge.settings import EdgeSettings
from support.cluster import Cluster
from support.edge import SECRET
from support.world import eventually

EDGES, RATE, BURST, INTERVAL = 2, 40, 20, 0.1
SECONDS = 4


async def test_two_edges_share_the_limit_of_a_principal(cluster: Cluster, key: str) -> None:
    """Each is asked for far more than the rate; together they let the rate through, not twice of it."""
    settings = Settings(_env_file=None, nats=cluster.nats.url)
    edge = EdgeSettings(
        _env_file=None,
        port=0,
        hs256=True,
        secret=SECRET,
        principal_rate=RATE,
        principal_burst=BURST,
        share_interval=INTERVAL,
    )
    token = {"Authorization": f"Bearer {make_dev_token(SECRET, key, roles=())}"}
    passed: list[float] = []
    async with AsyncExitStack() as stack:
        running = [await stack.enter_async_context(serving(settings, edge)) for _ in range(EDGES)]
        for each in running:
            await eventually(lambda each=each: not each.gateway.trouble, limit=30)  # type: ignore[misc]
        clients = [await stack.enter_async_context(ClientSession(each.url, headers=token)) for each in running]

        async def ask(client: ClientSession, until: float) -> None:
            while time.monotonic() < until:
                async with client.get(f"/v1/actors/account/{key}/balance") as response:
                    assert response.status in (200, 429), await response.text()
                    if response.status == 200:
                        passed.append(time.monotonic())
                await asyncio.sleep(0.01)

        began = time.monotonic()
        await asyncio.gather(*(ask(client, began + SECONDS) for client in clients))
        took = time.monotonic() - began
    promised = BURST + RATE * took + (EDGES - 1) * (BURST + RATE * 2 * INTERVAL + BURST / 8)  # a message takes no longer
    assert RATE * took * 0.8 <= len(passed) <= promised
    assert promised < 0.8 * EDGES * RATE * took  # two that count for themselves would not pass this test
