"""One life of a node in the cluster: from joining to leaving, or to the loss of its lease.

Everything a lease stands for lives inside: when it is lost, all of it ends here, and the node begins another life.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

from natya.message import Answer, Delivery
from natya.names import JOURNAL_STREAMS
from natya.ports.bus import Disconnected, NoReply
from natya.ports.lease import LeaseUnknown
from natya.runtime.calling import Caller
from natya.runtime.detection import Detection
from natya.runtime.gate import Gate
from natya.runtime.index import ENTRY_BYTES, Budget
from natya.runtime.kinds import KindsWatch
from natya.runtime.membership import Membership
from natya.runtime.ownership import Ownership
from natya.runtime.partition import Partition
from natya.runtime.quiet import Quiet
from natya.runtime.router import Router
from natya.runtime.service import Service
from natya.runtime.snapshotter import Snapshotter
from natya.runtime.surroundings import Surroundings
from natya.runtime.tasks import Tasks
from natya.runtime.tenure import Tenure
from natya.runtime.unwritten import Load
from natya.runtime.view import View
from natya.runtime.vouching import make_seal
from natya.runtime.wire import respond
from natya.runtime.world import World
from natya.telemetry.events import NodeGauges

if TYPE_CHECKING:
    from natya.manifest import Definition
    from natya.vouch import Seal

TICK = 0.1
MAINTAIN_EVERY = 1.0


class Incarnation:
    """Serves until told to stop, or until the lease is lost (`membership.LeaseLost` comes out of `run` then)."""

    def __init__(
        self,
        world: World,
        definitions: Sequence[Definition],
        requests: Tasks,
        *,
        former: frozenset[str],
        patient_until: float,
    ) -> None:
        """``requests`` under way may outlive the incarnation: whoever asked this node is answered all the same."""
        settings = world.settings
        self._world = world
        self._definitions = definitions
        self._requests = requests
        self._tenures: dict[tuple[str, int], Tenure] = {}
        self._gates: dict[str, Gate] = {}
        self._view = View(world.clock)
        self._kinds = KindsWatch(world.kinds)
        self._quiet = Quiet(world.clock)
        self._seal: Seal | None = None
        self._load = Load(settings.unwritten_limit, settings.unwritten_bytes)
        digests = {definition.kind: definition.manifest()["digest"] for definition in definitions}
        schemas = {definition.kind: definition.schema for definition in definitions}
        self.membership = Membership(world, self._view, digests, schemas)
        self._detection = Detection(world, self._view, self.membership.incarnation)
        self._caller = Caller(world.bus, world.subjects, world.clock, world.ids, patient=False, nobody=self._nobody_answers)
        around = Surroundings(
            world, self._kinds, self._caller.call, self.membership.valid, self._gate,
            Budget(settings.index_bytes // ENTRY_BYTES), self._load, self._quiet, asyncio.Semaphore(1), self._open_seal,
            self._view.deaths,
        )  # fmt: skip
        self.ownership = Ownership(
            around, self.membership, self._view, definitions, self._tenures, former=former, patient_until=patient_until
        )

    def _gate(self, kind: str, partition: int) -> Gate:
        stream = self._world.subjects.journal_stream(kind, partition % JOURNAL_STREAMS)
        gate = self._gates.get(stream)
        if gate is None:
            gate = self._gates[stream] = Gate(self._world.settings.appends_in_flight, self._world.bus.max_payload)
        return gate

    def _open_seal(self) -> Seal:
        assert self._seal is not None, "the seal is read before anything is owned"
        return self._seal

    def _nobody_answers(self, kind: str, partition: int) -> str:
        """A call heard *no responders*: its owner may have ended. Says why nobody can own the partition, if that is so."""
        self.ownership.want(kind, partition)
        self._detection.suspect(kind, partition)
        return self.ownership.why_nobody(kind, partition)

    async def run(self, stop: asyncio.Event) -> None:
        """Join, serve, and on ``stop`` release everything and leave. Raises `LeaseLost`, `LeaseUnknown`, `Disconnected`
        (also in groups)."""
        async with AsyncExitStack() as stack:
            stack.callback(self.membership.close)
            stack.callback(self._detection.close)
            await self._kinds.start()
            stack.push_async_callback(self._kinds.close)
            watch = await self._world.cluster.watch(self._view.apply)
            stack.push_async_callback(watch.close)
            self._seal = await make_seal(self._world.cluster)
            await self._publish_kinds()
            probes = await self._world.bus.subscribe(
                self._world.subjects.node(self.membership.incarnation, "probe"), self._probed
            )
            stack.push_async_callback(_quietly, probes.unsubscribe)
            await self.ownership.open(stack)
            await self.membership.join()
            async with asyncio.TaskGroup() as tasks:
                renewing = tasks.create_task(self.membership.run())
                serving = [
                    tasks.create_task(self._detection.run()),
                    tasks.create_task(self.ownership.run()),
                    tasks.create_task(self._tick()),
                    tasks.create_task(self._quiet.run()),
                    tasks.create_task(self._maintain()),
                    *(tasks.create_task(self._snapshotter(definition).run()) for definition in self._definitions),
                ]
                async with AsyncExitStack() as doors:
                    await self._open(doors)
                    await stop.wait()
                    self.membership.withdraw()
                await self.ownership.leave()
                await self._requests.finish(self._world.clock, self._world.settings.drain_timeout)
                renewing.cancel()  # or it would find that somebody has ended this member
                await asyncio.wait({renewing})
                await self.membership.leave()
                for task in serving:
                    task.cancel()

    def _snapshotter(self, definition: Definition) -> Snapshotter:
        kind = definition.kind
        return Snapshotter(self._world, kind, self._load, lambda: self.ownership.partitions(kind))

    async def _open(self, doors: AsyncExitStack) -> None:
        """Take asks until the doors close."""
        router = Router(self._world, self._tenures, self._caller, self._requests)
        for definition in self._definitions:
            service = None
            if definition.stateless:
                service = Service(self._world, definition, self._kinds, self._caller.call, self._requests, self._quiet)
            doors.push_async_callback(_quietly, await router.subscribe(definition, service))

    async def _publish_kinds(self) -> None:
        for definition in self._definitions:
            hosted = {member.kinds.get(definition.kind, "") for member in self._view.members.values()}
            await self._kinds.publish(definition.manifest(), hosted=hosted)

    def _probed(self, delivery: Delivery) -> None:
        respond(self._world.bus, delivery.reply, Answer(b'{"incarnation":"%s"}' % self.membership.incarnation.encode()))

    def _serving(self) -> list[Partition]:
        return [tenure.partition for tenure in self._tenures.values() if tenure.partition is not None]

    async def _tick(self) -> None:
        """Look at deadlines."""
        clock = self._world.clock
        while True:
            await clock.sleep(TICK)
            now_ms, now = clock.now_ms(), clock.boottime()
            for partition in self._serving():
                partition.tick(now_ms, now)

    async def _maintain(self) -> None:
        """Upkeep: it may have to wait for servers, and must not keep deadlines waiting."""
        clock = self._world.clock
        while True:
            before = clock.boottime()
            await clock.sleep(MAINTAIN_EVERY)
            lag = max(0.0, clock.boottime() - before - MAINTAIN_EVERY)
            partitions = self._serving()
            self._world.telemetry.raise_event(NodeGauges(lag, len(partitions), self.membership.left))
            for partition in partitions:
                await partition.maintain()
            with suppress(LeaseUnknown):
                await self._publish_kinds()


async def _quietly(unsubscribe: Callable[[], Awaitable[None]]) -> None:
    try:
        await unsubscribe()
    except (Disconnected, NoReply):
        return
