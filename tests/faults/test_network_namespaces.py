"""A worker whose network link goes down: packets vanish, and nobody is told. Servers and workers are in network namespaces."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from natya_ops.chaos.namespaces import SERVERS, Network, network, why_not
from natya_ops.servers import NatsServer, StoreServer
from natya_ops.up.programs import NATYA, Worker
from support.bare_client import Bare, bare_client, partition_of, token_of
from support.cluster import APPLICATION, TESTS
from support.load import PARTITIONS, Load
from support.waiting import until

NAMES = ["worker-1", "worker-2", "worker-3"]
CUT = 8.0
"""Seconds: longer than a lease, than the pings of the server, and than those of the workers."""
LEASE = 3.0
SLOW_MACHINE = 5.0
"""Seconds that are allowed on top of the lease and one second."""


@pytest.fixture
def net() -> Iterator[Network]:
    if reason := why_not():
        pytest.skip(reason)
    with network(NAMES) as made, made.among_servers():
        yield made


def namespaces() -> set[str]:
    return {path.name for path in Path("/run/netns").iterdir()}


def test_two_networks_do_not_meet_and_are_removed_also_after_a_failure(net: Network) -> None:
    with pytest.raises(RuntimeError, match="on purpose"), network(["worker-1"]) as other:  # noqa: PT012
        ours, theirs = net.namespace("worker-1"), other.namespace("worker-1")
        assert ours != theirs
        assert {ours, theirs} <= namespaces()
        raise RuntimeError("on purpose")
    assert theirs not in namespaces()
    assert ours in namespaces()


async def test_packets_pass_and_in_a_cut_vanish_without_a_word(net: Network) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            heard.put_nowait(line)
        writer.close()

    server = await asyncio.start_server(take, SERVERS, 0)
    program = f"import socket, sys; s = socket.create_connection(({SERVERS!r}, {server.sockets[0].getsockname()[1]}))"
    program += "\nfor line in sys.stdin.buffer: s.sendall(line)"
    command = net.command("worker-2", [sys.executable, "-c", program])
    client = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE)
    assert client.stdin is not None

    client.stdin.write(b"one\n")
    assert await asyncio.wait_for(heard.get(), 20) == b"one\n"
    with net.cut("worker-2"):
        client.stdin.write(b"two\n")
        await client.stdin.drain()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(heard.get(), 0.5)
        assert client.returncode is None
    assert await asyncio.wait_for(heard.get(), 20) == b"two\n"  # TCP has sent it again
    client.stdin.close()
    assert await asyncio.wait_for(client.wait(), 20) == 0
    server.close()


@asynccontextmanager
async def a_platform(net: Network, folder: Path) -> AsyncIterator[str]:
    """NATS and the store among the servers, each worker in its own namespace; yields the URL of NATS."""
    async with AsyncExitStack() as stack:
        nats = await stack.enter_async_context(NatsServer(folder / "nats", host=SERVERS))
        store = await stack.enter_async_context(StoreServer(folder / "store", host=SERVERS))
        environment = {"NATYA_NATS": nats.url, "NATYA_STORE": store.url, "PYTHONPATH": TESTS}
        program = (*NATYA, "worker", "--app", APPLICATION)
        workers = [
            Worker(name, folder / f"{name}.log", program=net.command(name, program), environment=environment)
            for name in NAMES
        ]
        await asyncio.gather(*[stack.enter_async_context(worker) for worker in workers])
        yield nats.url


async def owners(bare: Bare) -> list[str]:
    """Which worker has each partition of the kind ``ledger``; empty for one that is not alive or has been released."""
    bucket = await bare.js.key_value("natya_cluster")
    found = []
    for partition in range(PARTITIONS):
        incarnation = json.loads((await bucket.get(f"owner.ledger.{partition}")).value or b"{}").get("node") or ""
        found.append(next((name for name in NAMES if incarnation.startswith(f"{name}-")), ""))
    return found


@pytest.mark.slow
async def test_a_worker_behind_a_silent_hole_is_replaced_within_its_lease_and_joins_again(
    net: Network, tmp_path: Path
) -> None:
    loop = asyncio.get_running_loop()
    async with (
        a_platform(net, tmp_path) as url,
        bare_client(url) as bare,
        Load(bare, "hole") as load,
    ):
        await load.progress()
        before = await until(lambda: owners(bare), all)
        cut = before[partition_of(token_of("hole-0"), PARTITIONS)]
        quiet, load.slowest = load.slowest, 0.0
        with net.cut(cut):
            began = loop.time()
            await load.progress(limit=60)
            after = await owners(bare)
            print(
                f"{cut} had {before.count(cut)} of {PARTITIONS} partitions; all answered after {loop.time() - began:.2f} s"
            )
            assert cut not in after
            await asyncio.sleep(CUT - (loop.time() - began))
            await load.progress()
        print(f"the slowest ask took {load.slowest:.2f} s, {quiet:.2f} s before")
        assert load.slowest < LEASE + 1 + SLOW_MACHINE
        began = loop.time()
        await until(lambda: owners(bare), lambda found: cut in found, limit=60)
        print(f"{cut} has partitions again {loop.time() - began:.2f} s after its link is up")
        await load.progress()
        await load.finish()
        print(load)
        await load.check()
