"""A cluster of real processes on three NATS servers, each of which a test may kill and start again."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from nats.errors import Error

from natya_ops.chaos.proxy import Proxy, Trouble
from natya_ops.servers import NatsServer, Routes, nats_cluster
from natya_ops.servers.ports import HOST, free_port
from support.bare_client import Bare
from support.cluster import Cluster
from support.waiting import until

if TYPE_CHECKING:
    from natya_ops.up.programs import Worker

APPLICATION: Final = "support.two_kinds"
SIZE: Final = 3
CURRENT: Final = 60.0
"""Seconds in which a server that was started again must have caught up."""

NAMES: Final = tuple(f"nats-{number}" for number in range(1, SIZE + 1))


@asynccontextmanager
async def cuttable(folder: Path) -> AsyncIterator[tuple[list[NatsServer], Proxy]]:
    """Servers of which the first and the second reach each other through a proxy alone. What they say of themselves leads
    nowhere, so that none of them finds a way around it."""
    first, second, third = (free_port() for _ in NAMES)
    nowhere = f"{HOST}:{free_port()}"
    async with Proxy(second) as proxy:
        routes = (
            Routes(first, [f"{HOST}:{proxy.port}", f"{HOST}:{third}"], advertise=nowhere),
            Routes(second, [f"{HOST}:{third}"], advertise=nowhere),
            Routes(third, [f"{HOST}:{first}", f"{HOST}:{second}"], advertise=nowhere),
        )
        yield [_server(folder, name, route) for name, route in zip(NAMES, routes, strict=True)], proxy


def _server(folder: Path, name: str, routes: Routes) -> NatsServer:
    return NatsServer(folder / name, free_port(), server_name=name, routes=routes)


class Trio(Cluster):
    """``async with Trio(folder)``: returns when all workers serve, with every stream and bucket on three servers."""

    def __init__(
        self,
        folder: Path,
        *,
        workers: int = 3,
        environment: Mapping[str, str] | None = None,
        servers: Sequence[NatsServer] = (),
        spread: bool = False,
    ) -> None:
        """With ``spread`` each worker connects to a server of its own, else to any of them."""
        self._spread = spread
        self.servers = list(servers) or nats_cluster(folder, SIZE)
        self.urls = [f"nats://{HOST}:{server.port}" for server in self.servers]
        shared = {"NATYA_NATS": ",".join(self.urls), "NATYA_REPLICAS": str(SIZE)}
        super().__init__(folder, workers=workers, app=APPLICATION, environment=shared | dict(environment or {}))
        self.nats = self.servers[0]

    async def __aenter__(self) -> Self:
        try:
            await asyncio.gather(*(server.start() for server in self.servers[1:]))
        except BaseException:
            await self._stop_servers()
            raise
        return await super().__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await super().__aexit__(kind, error, trace)
        finally:
            await self._stop_servers()

    async def _stop_servers(self) -> None:
        await asyncio.gather(*(server.stop(0) for server in self.servers))

    def new_worker(self, name: str, *, app: str = "", **environment: str) -> Worker:
        if self._spread:
            environment["NATYA_NATS"] = self.urls[int(name.rpartition("-")[2]) % SIZE]
        return super().new_worker(name, app=app, **environment)

    def server(self, name: str) -> NatsServer:
        (found,) = [server for server in self.servers if server.server_name == name]
        return found

    async def meta_leader(self) -> NatsServer:
        """The server that leads JetStream's own group."""
        return self.server(await until(lambda: meta_leader(self.servers)))

    async def current(self) -> None:
        """Wait until every server has all that the others have."""
        await until(lambda: behind(self.servers), lambda found: not found, limit=CURRENT)


async def meta_leader(servers: Sequence[NatsServer]) -> str:
    """The name that all of ``servers`` give; empty while they do not agree."""
    found = {str((await monitored(server, "/jsz")).get("meta_cluster", {}).get("leader", "")) for server in servers}
    return found.pop() if len(found) == 1 else ""


async def behind(servers: Sequence[NatsServer]) -> list[str]:
    """The servers that are not up to date, with what they say of it."""
    found = {server.server_name: await monitored(server, "/healthz") for server in servers}
    return [f"{name}: {health}" for name, health in found.items() if health.get("status") != "ok"]


async def leader(bare: Bare, stream: str) -> str:
    """The name of the server that leads a stream; empty while there is none."""
    try:
        answer = await bare.connection.request(f"$JS.API.STREAM.INFO.{stream}", timeout=0.3)
    except (Error, TimeoutError):
        return ""
    return str(json.loads(answer.data).get("cluster", {}).get("leader", ""))


async def lead(bare: Bare, stream: str, name: str) -> None:
    """Make the server ``name`` the leader of a stream."""

    async def leads() -> bool:
        if await leader(bare, stream) == name:
            return True
        body = json.dumps({"placement": {"preferred": name}}).encode()
        try:
            await bare.connection.request(f"$JS.API.STREAM.LEADER.STEPDOWN.{stream}", body, timeout=0.3)
        except (Error, TimeoutError):
            pass
        return False

    await until(leads)


@asynccontextmanager
async def cut(first: NatsServer, second: NatsServer, trouble: Trouble) -> AsyncIterator[None]:
    """``trouble`` is between the two: begins when they have noticed, and ends when they have found each other again."""

    async def meet() -> bool:
        routes = (await monitored(first, "/routez")).get("routes", [])
        return any(route["remote_name"] == second.server_name for route in routes)

    with trouble:
        await until(meet, lambda found: not found)
        yield
    await until(meet)


async def monitored(server: NatsServer, path: str) -> dict[str, Any]:
    """What the server's monitoring says; empty if it does not answer."""

    def read() -> dict[str, Any]:
        try:
            with urllib.request.urlopen(server.monitor + path, timeout=5) as answer:
                found: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                found = json.load(error)
        except OSError:
            return {}
        return found

    return await asyncio.to_thread(read)
