"""A node: one process that hosts actors, from its first connection to its clean end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from natya.clock import Clock, RandomIds, SystemClock
from natya.collector import tune_collector
from natya.errors import ConfigurationError
from natya.jetstream import open_jetstream
from natya.manifest import Definition
from natya.mongo import open_snapshots
from natya.monitoring import open_monitoring
from natya.ports.bus import Disconnected, NoReply
from natya.ports.lease import LeaseUnknown
from natya.ports.snapshots import Shape, Snapshots, SnapshotsUnavailable
from natya.runtime.incarnation import Incarnation
from natya.runtime.membership import LeaseLost
from natya.runtime.partition import Partition
from natya.runtime.tasks import Tasks
from natya.runtime.world import World
from natya.services import answer_services
from natya.settings import Settings
from natya.telemetry import Telemetry
from natya.telemetry.events import Connection

_log = logging.getLogger("natya.node")

PREPARE_AGAIN = 5.0
"""Seconds until collections and indexes are tried again that could not be made at the start."""


class Node:
    """Hosts actors: one incarnation after another, until told to stop."""

    def __init__(self, world: World, definitions: Sequence[Definition]) -> None:
        self._world = world
        self._definitions = definitions
        self._incarnation: Incarnation | None = None

    @property
    def ready(self) -> bool:
        """Whether this node has joined, its lease is valid and it serves what placement gives it."""
        now = self._incarnation
        return now is not None and now.membership.valid() and now.ownership.settled.is_set()

    @property
    def partitions(self) -> list[Partition]:
        """The partitions that are served here now, of all kinds."""
        now = self._incarnation
        if now is None:
            return []
        return [partition for definition in self._definitions for partition in now.ownership.partitions(definition.kind)]

    async def run(self, stop: asyncio.Event, ready: Callable[[], None] | None = None) -> None:
        """Serve until ``stop``; then release everything and leave. ``ready`` is called the first time all is served."""
        requests = Tasks()
        try:
            await self._run(requests, stop, ready)
        finally:
            await requests.finish(self._world.clock, 0.0)

    async def _run(self, requests: Tasks, stop: asyncio.Event, ready: Callable[[], None] | None) -> None:
        former: set[str] = set()
        patient_until = 0.0
        while not stop.is_set():
            incarnation = Incarnation(
                self._world, self._definitions, requests, former=frozenset(former), patient_until=patient_until
            )
            self._incarnation = incarnation
            async with asyncio.TaskGroup() as tasks:
                waiting = tasks.create_task(_announce(incarnation, ready)) if ready is not None else None
                lost = False
                try:
                    await incarnation.run(stop)
                except* (LeaseLost, LeaseUnknown, Disconnected, NoReply):
                    lost = True
                finally:
                    self._incarnation = None
                    if waiting is not None:
                        ready = None if waiting.done() else ready
                        waiting.cancel()
                if lost:
                    _let_cancellation_through()
                    patient_until = self._world.clock.boottime() + self._world.settings.lease_ttl
                    await self._world.clock.sleep(0.1)
            former.add(incarnation.membership.incarnation)


def _let_cancellation_through() -> None:
    """Raises `asyncio.CancelledError` if this task was cancelled just when its task group failed: before Python 3.13 the group forgets
    that."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _announce(incarnation: Incarnation, ready: Callable[[], None]) -> None:
    await incarnation.ownership.settled.wait()
    ready()


@asynccontextmanager
async def open_world(settings: Settings, definitions: Sequence[Definition], telemetry: Telemetry) -> AsyncIterator[World]:
    """Connect to the servers and make sure of streams and collections. Raises `ConfigurationError`; a store that does not
    answer is none, the node begins without it."""
    async with (
        open_jetstream(settings, name=f"natya node {settings.node}", inbox="_INBOX_node") as jetstream,
        open_snapshots(settings) as snapshots,
    ):
        await jetstream.ensure_platform()
        for definition in definitions:
            await jetstream.ensure_kind(definition.kind, definition.partitions)
        shapes = [Shape(d.kind, d.state_schema(), d.indexes) for d in definitions if not d.stateless]
        done = await asyncio.gather(*(_prepared(snapshots, shape) for shape in shapes))
        clock, preparing = SystemClock(), Tasks()
        for shape in [shape for shape, prepared in zip(shapes, done, strict=True) if not prepared]:
            preparing.spawn(_prepare_later(snapshots, shape, clock))
        bus, subjects = jetstream.bus, jetstream.subjects
        bus.on_disconnect(lambda: telemetry.raise_event(Connection("disconnected", "")))
        bus.on_reconnect(lambda: telemetry.raise_event(Connection("connected", bus.server)))
        telemetry.raise_event(Connection("connected", bus.server))
        try:
            yield World(
                settings=settings,
                subjects=subjects,
                clock=clock,
                ids=RandomIds(),
                telemetry=telemetry,
                bus=bus,
                journal=jetstream.journal,
                mail=jetstream.mail,
                cluster=jetstream.registry(subjects.cluster_bucket),
                kinds=jetstream.registry(subjects.kinds_bucket),
                snapshots=snapshots,
            )
        finally:
            await preparing.finish(clock, 0)


async def _prepared(snapshots: Snapshots, shape: Shape) -> bool:
    """Make the kind's collection and indexes; False if the store does not answer."""
    try:
        await snapshots.prepare(shape)
    except SnapshotsUnavailable as error:
        _log.warning(
            "%s begins without the store: %s; check NATYA_STORE. Actors that are not in memory are unavailable meanwhile",
            shape.kind,
            error,
        )
        return False
    return True


async def _prepare_later(snapshots: Snapshots, shape: Shape, clock: Clock) -> None:
    """Make collection and indexes once the store is there."""
    while True:
        await clock.sleep(PREPARE_AGAIN)
        try:
            await snapshots.prepare(shape)
        except SnapshotsUnavailable:
            continue
        except ConfigurationError:
            _log.exception("the indexes of %s cannot be made", shape.kind)
        return


async def run_node(
    settings: Settings, definitions: Sequence[Definition], *, ready: Callable[[], None], stop: asyncio.Event
) -> None:
    """Host these actors until ``stop`` is set, then drain. Raises `ConfigurationError`."""
    if not definitions:
        raise ConfigurationError("there are no actors to host")
    async with open_monitoring(settings) as monitoring, open_world(settings, definitions, monitoring.telemetry) as world:
        node = Node(world, definitions)
        monitoring.ready = lambda: node.ready and not stop.is_set()
        async with answer_services(world, definitions, monitoring.metrics):
            tune_collector()
            await node.run(stop, ready)
