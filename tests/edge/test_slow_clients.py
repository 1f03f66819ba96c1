"""A thousand sockets that dawdle in every way, against the edge as a process, while others go on with their work."""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median

import pytest
from aiohttp import ClientSession

from natya_edge.auth.dev_secret import make_dev_token
from natya_edge.guard.listening import allow_connections
from natya_ops.servers.ports import free_port
from support.cluster import Cluster
from support.edge import SECRET
from support.edge_process import natya_edge
from support.waiting import until

COUNTS = {"slow head": 300, "slow body": 300, "idle": 300, "slow reader": 100}
DEADLINE = 3.0
GRACE = 15.0
"""Seconds beyond a deadline: two looks of the doorman, what a refused client may read, and a machine that has other things to do."""
TOKEN = make_dev_token(SECRET, "slow")
HEAD = f"Host: x\r\nAuthorization: Bearer {TOKEN}\r\n".encode()

SLOW_HEAD = b"POST /v1/actors/account/x/deposit HTTP/1.1\r\nHost: x\r\nX-Slow: "
SLOW_BODY = b"POST /v1/actors/account/x/deposit HTTP/1.1\r\n" + HEAD + b"Content-Length: 1000000\r\n\r\n{"
IDLE = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
SLOW_READER = (b"GET /v1/actors/ledger/long/entries HTTP/1.1\r\n" + HEAD + b"\r\n") * 2
LONG = "x" * 300_000


@dataclass
class Slow(asyncio.Protocol):
    """One socket that sends ``first``, then a byte now and then if it trickles, and reads nothing if it is deaf."""

    first: bytes
    trickles: bool = False
    deaf: bool = False
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    _next: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if self.deaf:
            transport.pause_reading()
        transport.write(self.first)
        if self.trickles or self.deaf:
            self._trickle()

    def _trickle(self) -> None:
        # A socket that does not read learns by writing that it was dropped.
        self.transport.write(b"\r\n" if self.deaf else b" ")
        self._next = asyncio.get_running_loop().call_later(0.5, self._trickle)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = time.monotonic()
        if self._next is not None:
            self._next.cancel()


KINDS = {
    "slow head": {"first": SLOW_HEAD, "trickles": True},
    "slow body": {"first": SLOW_BODY, "trickles": True},
    "idle": {"first": IDLE},
    "slow reader": {"first": SLOW_READER, "deaf": True},
}


@asynccontextmanager
async def dawdling(port: int) -> AsyncIterator[dict[str, list[Slow]]]:
    found: dict[str, list[Slow]] = {}
    try:
        for name, kind in KINDS.items():
            found[name] = []
            for _ in range(COUNTS[name]):
                found[name].append(await _connect(port, Slow(**kind)))  # type: ignore[arg-type]
        yield found
    finally:
        for sockets in found.values():
            for slow in sockets:
                slow.transport.abort()


async def _connect(port: int, slow: Slow) -> Slow:
    raw = socket.socket()
    raw.setblocking(False)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)  # before it connects, or the kernel reads megabytes for it
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, ("127.0.0.1", port))
    await loop.create_connection(lambda: slow, sock=raw)
    return slow


async def answered(http: ClientSession, key: str, seconds: float) -> list[float]:
    """How long each of the commands took that two others sent in that time; all have to succeed."""
    times: list[float] = []

    async def work(worker: int) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            began = time.monotonic()
            async with http.post(f"/v1/actors/account/{key}{worker}/deposit", json={"amount": 1}) as response:
                assert response.status == 200, await response.text()
            times.append(time.monotonic() - began)
            await asyncio.sleep(0.01)

    await asyncio.gather(work(1), work(2))
    return times


@pytest.fixture
def many_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    allow_connections(2 * sum(COUNTS.values()))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.slow
async def test_a_thousand_slow_sockets_hurt_nobody_and_are_cut_off(cluster: Cluster, key: str, many_files: None) -> None:
    port = free_port()
    settings = {f"NATYA_EDGE_{name}_TIMEOUT": str(DEADLINE) for name in ("HEAD", "BODY", "IDLE", "WRITE")}
    headers = {"Authorization": f"Bearer {make_dev_token(SECRET, 'ada')}"}
    async with (
        natya_edge(cluster.nats.url, cluster.store.url, port, **settings),
        ClientSession(f"http://127.0.0.1:{port}", headers=headers) as http,
    ):

        async def ready() -> bool:
            try:
                async with http.get("/readyz") as response:
                    return response.status == 200
            except OSError:
                return False

        await until(ready, lambda found: found)
        async with http.post("/v1/actors/ledger/long/enter", json={"entry": LONG}) as response:
            assert response.status == 200, await response.text()
        quiet = await answered(http, key, 1.0)
        async with dawdling(port) as slow:
            all = [each for sockets in slow.values() for each in sockets]
            busy = await answered(http, key, DEADLINE)
            await until(lambda: _open(all), lambda left: not left, limit=60)
            for name, sockets in slow.items():
                for each in sockets:
                    assert each.ended is not None
                    lived = each.ended - each.began
                    assert DEADLINE * 0.9 <= lived <= DEADLINE + GRACE, f"{name}: {lived:.1f} s"
        assert len(busy) > len(quiet) / 2
        assert median(busy) < max(0.1, 10 * median(quiet))
        assert max(busy) < 5.0  # a hundred answers of 300 KB are fetched from one worker meanwhile
        assert len(await answered(http, key, 0.5)) > 5


async def _open(sockets: list[Slow]) -> int:
    return sum(each.ended is None for each in sockets)
