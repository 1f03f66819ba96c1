"""A platform to be broken: one that is started for it, or one that runs already."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal
from urllib.parse import urlsplit

from natya.errors import ConfigurationError
from natya.settings import Settings
from natya_ops.chaos.ground.disk import SmallDisk, small_disk
from natya_ops.chaos.ground.limits import FullJournals
from natya_ops.chaos.ground.network import Wires
from natya_ops.chaos.ground.platform import WiredPlatform
from natya_ops.chaos.ground.processes import Processes
from natya_ops.chaos.ground.slow_sync import SlowSync
from natya_ops.cluster import open_cluster
from natya_ops.configuration import read_settings
from natya_ops.data_folder import DataFolder
from natya_ops.signing_keys import OPERATOR, development_token
from natya_ops.up.platform import Options
from natya_ops.up.reports import Pids

JOINED: Final = "only possible on a platform that natya chaos starts itself, not on one that it joins"


def _nobody(happening: str) -> None:
    return


@dataclass(frozen=True, slots=True)
class GroundOptions:
    """What to start. ``environment`` is added to that of the workers; ``hear`` is told what happens to the processes, in lines.

    Without ``data`` everything is in a temporary folder that is gone afterwards. ``small_disk`` MiB are the file system that
    NATS gets for its streams, for the fault ``disk``, where one can be mounted; 0: none.
    """

    app: str = "natya_actors"
    workers: int = 3
    data: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    small_disk: int = 0
    hear: Callable[[str], None] = _nobody


@dataclass(frozen=True, slots=True)
class Ground:
    """A running platform: ``async with Ground.start(options) as ground`` or ``async with Ground.join(folder) as ground``.

    ``nats`` and ``store`` are the servers themselves, which no fault of a network reaches; ``token`` is a bearer token for the
    edge at ``http``. ``workers`` are their names, ``processes`` the way to all processes. ``lines`` are the wires of each worker
    and of the edge; there are none, and ``own`` is false, if the platform was not started here. ``disk`` is that of NATS, or why
    it is not a small one.
    """

    nats: str
    http: str
    store: str
    token: str
    data: Path
    workers: tuple[str, ...]
    processes: Processes
    own: bool
    lines: Mapping[str, Wires]
    disk: SmallDisk | str
    journals: FullJournals
    sync: SlowSync

    @classmethod
    @asynccontextmanager
    async def start(cls, options: GroundOptions) -> AsyncIterator[Ground]:
        """Start a platform in which every worker and the edge reach NATS and the store through proxies of their own, and
        yield it when it is ready; end it. What dies is started again as ``natya up`` does it. Raises `ConfigurationError`."""
        async with AsyncExitStack() as stack:
            data = options.data or Path(stack.enter_context(TemporaryDirectory(prefix="natya-chaos-")))
            disk: SmallDisk | str = "no small disk was asked for"
            if options.small_disk:
                disk = stack.enter_context(small_disk(DataFolder(data).nats / "jetstream", options.small_disk))
            what = Options(app=options.app, workers=options.workers, data=data)
            platform = WiredPlatform(what, options.hear, options.environment, stack)
            ready = await stack.enter_async_context(platform.running())
            ground = cls(
                nats=ready["nats"],
                http=ready["http"],
                store=ready["store"],
                token=ready["token"],
                data=data,
                workers=tuple(worker.name for worker in platform.workers),
                processes=platform.processes,
                own=True,
                lines=platform.wires,
                disk=disk,
                journals=FullJournals(ready["nats"]),
                sync=SlowSync(platform.folder.log("strace")),
            )
            try:
                yield ground
            except BaseException:
                platform.abandon()
                raise

    @classmethod
    @asynccontextmanager
    async def join(cls, data: Path) -> AsyncIterator[Ground]:
        """Use the platform that ``natya up`` runs on the folder ``data``: only its processes can be reached.
        Raises `ConfigurationError`."""
        folder = DataFolder(data)
        running = folder.running()
        if running is None:
            raise ConfigurationError(f"no natya up is ready on {data}: start it, or let natya chaos start a platform itself")
        processes = Processes(folder)
        yield cls(
            nats=running["nats"],
            http=running["http"],
            store=running["store"],
            token=development_token(folder.keys, roles=(OPERATOR,)),
            data=data,
            workers=tuple(sorted(name for name in processes.names if name.startswith("worker-"))),
            processes=processes,
            own=False,
            lines={},
            disk=JOINED,
            journals=FullJournals(running["nats"]),
            sync=SlowSync(folder.log("strace")),
        )

    def pids(self) -> Pids:
        """The processes that run now, by role. 0 for NATS or the store while it does not run."""
        pid = self.processes.pid
        return Pids(
            nats=pid("nats") or 0,
            store=pid("store") or 0,
            edge=[found for found in [pid("edge")] if found],
            workers=[found for name in self.workers if (found := pid(name))],
        )

    async def answers(self, role: Literal["nats", "store"]) -> None:
        """Wait until a server that was away takes connections again. Raises `ConfigurationError`."""
        url = urlsplit(self.nats if role == "nats" else self.store)
        await self.processes.listens(role, url.hostname or "", url.port or 0)

    def wires(self, name: str) -> Wires:
        """The lines of a worker or of the ``edge``. Raises `ConfigurationError` on ground that was joined."""
        if not self.own:
            raise ConfigurationError(f"cutting off {name} is {JOINED}")
        return self.lines[name]

    async def owner(self, kind: str, partition: int) -> str | None:
        """The name of the worker that has a partition, if one has. Raises `Unavailable` where NATS does not answer."""
        settings = read_settings(Settings, nats=self.nats, store=self.store)
        async with open_cluster(settings) as cluster:
            owner = cluster.owners.get((kind, partition))
        if owner is None or not owner.incarnation:
            return None
        return next((name for name in self.workers if owner.incarnation.startswith(f"{name}-")), None)
