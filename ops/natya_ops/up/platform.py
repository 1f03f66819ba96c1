"""The life of ``natya up``.

Start: the data folder is taken and what an earlier one left running is ended; NATS and the store together; the workers
together; the edge. Every child is supervised from the moment it is ready. End, by SIGTERM or Ctrl-C: the edge, then the
workers, which drain, then the store and NATS. A second signal kills everything at once.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from natya.errors import ConfigurationError
from natya.settings import Settings
from natya_ops.configuration import read_settings
from natya_ops.data_folder import DataFolder
from natya_ops.dev_client import provide_dev_client
from natya_ops.servers import NatsServer, StoreServer
from natya_ops.servers.base import Child
from natya_ops.servers.ports import HOST, check_free
from natya_ops.signing_keys import OPERATOR, development_token, make_first_key
from natya_ops.up.programs import NATYA, Edge, Worker
from natya_ops.up.reports import Display, Pids, Ready
from natya_ops.up.supervision import Group


@dataclass(frozen=True, slots=True)
class Options:
    """What to run and where. Port 0 means any free port."""

    app: str = "natya_actors"
    workers: int = 2
    data: Path = Path(".natya")
    http_port: int = 8080
    nats_port: int = 4222
    store_port: int = 27017
    worker_program: tuple[str, ...] = ()
    edge_program: tuple[str, ...] = (*NATYA, "edge")

    def check(self) -> None:
        """Raise `ConfigurationError` for what can be seen to be wrong before anything is started."""
        ports = {"--http-port": self.http_port, "--nats-port": self.nats_port, "--store-port": self.store_port}
        given = [port for port in ports.values() if port]
        if len(set(given)) < len(given):
            raise ConfigurationError("two of --http-port, --nats-port and --store-port are the same")
        for option, port in ports.items():
            check_free(port, option)
        if not self.worker_program:
            check_importable(self.app)


def check_importable(app: str) -> None:
    """Raise `ConfigurationError` if there is no module ``app``; what is wrong inside it is found by the workers."""
    if (here := os.getcwd()) not in sys.path:
        sys.path.insert(0, here)
    try:
        found = importlib.util.find_spec(app)
    except (ImportError, ValueError):
        found = None
    if found is None:
        raise ConfigurationError(f"there is no module {app!r}: --app names an importable Python module with actors")


def metrics_of(number: int) -> dict[str, str]:
    """The setting for the metrics of worker ``number``, from 1: no two can have one port, so the first has that of the environment
    and the others those after it, the edge the last. Raises `ConfigurationError`."""
    port = read_settings(Settings).metrics_port
    return {"NATYA_METRICS_PORT": str(port + number - 1)} if port else {}


class Platform:
    """Everything that one ``natya up`` runs. ``nats``, ``store``, ``edge`` and ``workers`` are there once it is ready."""

    nats: NatsServer
    store: StoreServer
    edge: Edge
    workers: list[Worker]

    def __init__(self, options: Options, display: Display) -> None:
        self._display = display
        self._options = options
        self.folder = DataFolder(options.data)

    async def run(self, play: Callable[[Ready], Awaitable[None]] | None = None) -> None:
        """Run until cancelled; ``play`` is awaited once when all is ready. Raises `ConfigurationError`."""
        async with self.running() as ready:
            if play is not None:
                await play(ready)
            await asyncio.Event().wait()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Ready]:
        """Start everything, and say where it is; end it. Raises `ConfigurationError`."""
        options, display, folder = self._options, self._display, self.folder
        with folder.locked():
            for left in folder.end_left_behind():
                display.starting(f"(ended {left.name}, pid {left.pid}, of an earlier run)")
            options.check()
            make_first_key(folder.keys)
            self.nats = nats = NatsServer(folder.nats, options.nats_port, log=folder.log("nats"))
            self.store = store = StoreServer(folder.store, options.store_port, log=folder.log("store"))
            display.starting("NATS and the store")
            async with self._group(nats, store):
                client = await provide_dev_client(read_settings(Settings, store=store.url), folder.path)
                self.workers = workers = [await self._worker(number) for number in range(1, options.workers + 1)]
                display.starting(f"{len(workers)} workers" if len(workers) > 1 else "a worker")
                async with self._group(*workers):
                    self.edge = edge = await self._edge()
                    display.starting("the edge")
                    async with self._group(edge):
                        ready = Ready(
                            event="ready",
                            http=edge.url,
                            nats=nats.url,
                            store=store.url,
                            data=str(options.data),
                            token=development_token(folder.keys, roles=(OPERATOR,)),
                            pids=Pids(nats=nats.pid, store=store.pid, edge=[edge.pid], workers=[w.pid for w in workers]),
                            client=client,
                        )
                        folder.announce(http=edge.url, nats=nats.url, store=store.url, monitor=nats.monitor)
                        display.ready(ready)
                        yield ready

    async def surroundings(self, name: str) -> dict[str, str]:
        """The environment in which the worker or edge ``name`` finds the servers, asked for before it is first started."""
        return {"NATYA_NATS": self.nats.url, "NATYA_STORE": self.store.url}

    def _group(self, *children: Child) -> Group:
        for child in children:
            child.spawned = self.folder.record
        return Group(children, self._display)

    async def _worker(self, number: int) -> Worker:
        name = f"worker-{number}"
        program = self._options.worker_program or (*NATYA, "worker", "--app", self._options.app)
        environment = {**await self.surroundings(name), **metrics_of(number)}
        return Worker(name, self.folder.log(name), program=program, environment=environment)

    async def _edge(self) -> Edge:
        return Edge(
            self.folder.path,
            self._options.http_port,
            log=self.folder.log("edge"),
            program=self._options.edge_program,
            environment={
                **await self.surroundings(Edge.role),
                **metrics_of(self._options.workers + 1),
                "NATYA_EDGE_KEYS": str(self.folder.keys.resolve()),
                # Whoever measures on one machine mostly does so as one principal.
                "NATYA_EDGE_PRINCIPAL_RATE": os.environ.get("NATYA_EDGE_PRINCIPAL_RATE", "100000"),
            },
            host=HOST,
        )


async def run_until_signal(
    options: Options, display: Display, play: Callable[[Ready], Awaitable[None]] | None = None
) -> None:
    """Run the platform until SIGTERM, SIGINT or SIGHUP (its terminal is gone). Raises `ConfigurationError` if it cannot be started."""
    platform = Platform(options, display)
    asked = asyncio.Event()

    def on_signal() -> None:
        if asked.is_set():
            platform.folder.kill_recorded()
            os._exit(0)
        asked.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, on_signal)
    running = asyncio.create_task(platform.run(play), name="platform")
    asking = asyncio.create_task(asked.wait(), name="signal")
    try:
        await asyncio.wait([running, asking], return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            display.stopping()
            running.cancel()
            await asyncio.wait([running])
        if not running.cancelled():
            await running
        display.stopped()
    finally:
        asking.cancel()
        display.close()
