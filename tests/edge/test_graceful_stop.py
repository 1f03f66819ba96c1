"""An edge that is told to end while many use it."""

from __future__ import annotations

import asyncio
import signal

from aiohttp import ClientSession, TCPConnector

from natya_ops.servers.ports import free_port
from support.cluster import Cluster
from support.edge_process import TOKEN, is_status, natya_edge
from support.world import eventually

CALLERS = 32


async def test_no_request_that_was_taken_fails(cluster: Cluster, key: str) -> None:
    """Each caller keeps its connection until it is told `Connection: close`, as a load balancer does that has seen that the edge is not
    ready."""
    port = free_port()
    answered = closed = 0
    async with (
        natya_edge(cluster.nats.url, cluster.store.url, port, NATYA_EDGE_DRAIN_DELAY="2") as child,
        ClientSession(f"http://127.0.0.1:{port}", connector=TCPConnector(limit=0)) as http,
    ):
        await is_status(http, "/readyz", 200)

        async def ask(number: int) -> None:
            nonlocal answered, closed
            path = f"/v1/actors/account/{key}-{number}/deposit"
            while True:
                async with http.post(path, json={"amount": 1}, headers=TOKEN) as response:
                    assert response.status == 200, await response.text()
                    answered += 1
                    if response.headers.get("Connection") == "close":
                        closed += 1
                        return

        async with asyncio.TaskGroup() as callers:
            for number in range(CALLERS):
                callers.create_task(ask(number))
            await eventually(lambda: answered > 10 * CALLERS, limit=60)
            child.send_signal(signal.SIGTERM)
        assert child.returncode is None
        assert await asyncio.wait_for(child.wait(), 30) == 0
    assert closed == CALLERS
