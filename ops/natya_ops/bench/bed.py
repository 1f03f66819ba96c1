"""The bed that a measure runs on: NATS and a store with folders of their own, a worker, the echo and the load generator, each a
process on loopback at a free port, all gone at the end."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import nats
from nats.aio.client import Client
from nats.errors import Error

from natya_ops.bench import metrics
from natya_ops.bench.figures import BenchError
from natya_ops.bench.progress import Say
from natya_ops.bench.usage import Meter, cpu_seconds
from natya_ops.bench.work import SUBJECT, Done, Work
from natya_ops.servers import NatsServer, StoreServer
from natya_ops.servers.ports import free_port
from natya_ops.up.programs import NATYA, Edge, Worker

ASK: Final = "natya.ask.account.{}."
ECHO: Final = "bench.echo.account.{}.deposit"
DEPOSIT: Final = '{"amount":1}'

GRACE: Final = 60.0
"""Seconds for which the report on a piece of work may be late."""

SLOWEST: Final = 200
"""Requests per second below which a piece of work is given up."""

TOLERATED: Final = 0.01

GAUGES_AGE: Final = 1.2
"""Seconds after which a worker's gauges tell of nothing that was before."""


class Bed:
    """Running servers and processes. ``nats_py`` is a connection for whatever the measure wants to see for itself."""

    def __init__(self, folder: Path, nats_server: NatsServer, store: StoreServer, load: Worker, nats_py: Client) -> None:
        self._folder = folder
        self.nats = nats_server
        self.store = store
        self.load = load
        self.nats_py = nats_py
        self._pids = {"load": load.pid, "nats": nats_server.pid, "store": store.pid}
        self._metrics_ports: dict[str, int] = {}

    @asynccontextmanager
    async def worker(
        self, name: str = "worker", *, program: Sequence[str] = NATYA, app: str = "natya_actors", **settings: object
    ) -> AsyncIterator[Worker]:
        """A worker that hosts ``app``, serving. ``settings`` are NATYA_… variables without that prefix, in lower case."""
        port = free_port()
        environment = {
            "NATYA_NATS": self.nats.url,
            "NATYA_STORE": self.store.url,
            "NATYA_NAMESPACE": "natya",
            "NATYA_DATABASE": "natya",
            "NATYA_METRICS_PORT": str(port),
        } | {f"NATYA_{key.upper()}": str(value) for key, value in settings.items()}
        command = (*program, "worker", "--app", app)
        async with self._program(name, command, environment) as worker:
            self._metrics_ports[name] = port
            yield worker

    @asynccontextmanager
    async def echo(self) -> AsyncIterator[Worker]:
        """The raw echo, serving."""
        async with self._program("echo", _module("echo"), {"NATYA_NATS": self.nats.url}) as echo:
            yield echo

    @asynccontextmanager
    async def edge(self, secret: str) -> AsyncIterator[str]:
        """The URL of an edge, ready, with its usual settings, that takes tokens signed with ``secret``. One principal sends all there is."""
        environment = {
            "NATYA_NATS": self.nats.url,
            "NATYA_STORE": self.store.url,
            "NATYA_EDGE_HS256": "true",
            "NATYA_EDGE_SECRET": secret,
        }
        log = self._folder / "edge.log"
        async with Edge(self._folder, free_port(), log=log, program=(*NATYA, "edge"), environment=environment) as edge:
            self._pids["edge"] = edge.pid
            try:
                yield edge.url
            finally:
                del self._pids["edge"]

    @asynccontextmanager
    async def bare(self) -> AsyncIterator[str]:
        """The URL of an aiohttp server that does nothing."""
        port = free_port()
        async with self._program("bare", _module("bare"), {"BARE_PORT": str(port)}):
            yield f"http://127.0.0.1:{port}"

    @asynccontextmanager
    async def _program(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> AsyncIterator[Worker]:
        async with Worker(name, self._folder / f"{name}.log", program=command, environment=environment) as child:
            self._pids[name] = child.pid
            try:
                yield child
            finally:
                del self._pids[name]

    async def run(self, work: Work, *, tolerated: float = TOLERATED) -> Done:
        """Let the load generator do it. Raises `BenchError` if more than so many requests failed for each that did not: the figures would
        mean something else then."""
        limit = GRACE + (work.seconds if work.requests is None else work.requests / SLOWEST)
        try:
            reply = await self.nats_py.request(SUBJECT, work.encode(), timeout=limit)
        except Error as error:
            raise BenchError(
                f"the load generator did not report: {error}; its log: {self.load.process.last_words()}"
            ) from error
        done = Done.decode(reply.data)
        if not done.succeeded or done.failed > tolerated * done.succeeded:
            total = done.failed + done.succeeded
            raise BenchError(f"{done.failed} of {total} requests failed; the first: {done.failure or 'none was sent'}")
        return done

    def meter(self) -> Meter:
        """Measures every process of the bed."""
        return Meter(self._pids)

    async def metrics(self, worker: str = "worker") -> Mapping[str, float]:
        """A worker's metrics as of now. Raises `OSError`."""
        return await asyncio.to_thread(metrics.read, self._metrics_ports[worker])

    async def written(self, say: Say, *, worker: str = "worker", limit: float = 30.0) -> bool:
        """Wait until all snapshots are written. False if that took longer than ``limit`` seconds."""
        end = time.monotonic() + limit
        say("waiting until all snapshots are written")
        await asyncio.sleep(GAUGES_AGE)
        while (await self.metrics(worker))[metrics.UNWRITTEN]:
            if time.monotonic() > end:
                return False
            await asyncio.sleep(GAUGES_AGE / 4)
        return True

    async def settle(self, *, share: float = 0.1, window: float = 0.3, limit: float = 10.0) -> bool:
        """Wait until all together use less than ``share`` of a core for ``window`` seconds, so that what is left over from one
        slice does not burden the next. False if it took longer than ``limit``."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            before = {pid: cpu_seconds(pid) for pid in self._pids.values()}
            await asyncio.sleep(window)
            if sum(cpu_seconds(pid) - used for pid, used in before.items()) < share * window:
                return True
        return False


def _module(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"natya_ops.bench.{name}")


@asynccontextmanager
async def open_bed(folder: Path) -> AsyncIterator[Bed]:
    """Start the servers and the load generator. Raises `ConfigurationError`."""
    nats_server, store = NatsServer(folder / "nats"), StoreServer(folder / "store")
    try:
        await asyncio.gather(nats_server.start(), store.start())
        load = Worker("load", folder / "load.log", program=_module("load"), environment={"NATYA_NATS": nats_server.url})
        async with load:
            connection = await nats.connect(nats_server.url, name="natya bench")
            try:
                yield Bed(folder, nats_server, store, load, connection)
            finally:
                await connection.close()
    finally:
        await asyncio.gather(nats_server.stop(0), store.stop(0))
