"""The life of one partition at this node, from the claim to its end.

``claiming`` → ``recovering`` → serving (`partition`) → ``releasing``. Calls that come before it serves are held; whatever
ends it, who waits is told to ask elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from natya.errors import NatyaError, Overloaded, Unavailable
from natya.message import Answer, Delivery, Message, Waiter
from natya.ports.bus import Disconnected, NoReply, Subscription
from natya.ports.journal import AppendRefused, JournalUnavailable
from natya.ports.lease import LeaseUnknown
from natya.runtime.admission import MOVED
from natya.runtime.batch import UnreadableRecord
from natya.runtime.catalog import SnapshotAhead
from natya.runtime.claiming import Claim, ClaimLost, claim, release_key
from natya.runtime.commit import Fenced, NotStored
from natya.runtime.partition import JournalIsBehind, Partition, Surroundings
from natya.runtime.recovering import JournalCorrupt, recover
from natya.runtime.releasing import settle
from natya.runtime.view import Owner
from natya.runtime.wire import read_call, respond
from natya.telemetry.events import Fenced as FencedEvent
from natya.telemetry.events import PartitionClaimed, PartitionRecovered, PartitionReleased

if TYPE_CHECKING:
    from natya.manifest import Definition

STORAGE_PAUSE = 0.5
STOPPED_PAUSE = 10.0


class Tenure:
    """One attempt of this node to own a partition, and what comes of it. ``partition`` is there while it serves, and
    ``open`` takes calls straight in for as long as it is not being released."""

    def __init__(self, around: Surroundings, incarnation: str, definition: Definition, number: int) -> None:
        self._around = around
        self._world = around.world
        self._incarnation = incarnation
        self._definition = definition
        self._number = number
        self._held: list[tuple[Message, Waiter]] = []
        self._trouble: Answer | None = None
        self._stop = asyncio.Event()
        self.partition: Partition | None = None
        self.open: Callable[[Message, Waiter], None] | None = None
        self.reason = "failed"

    @property
    def serving(self) -> bool:
        return self.open is not None

    def accept(self, message: Message, waiter: Waiter) -> None:
        """Take in a call: served, held until recovery is done, or told what the trouble is."""
        if self._trouble is not None:
            waiter(self._trouble)
        elif self._stop.is_set():
            waiter(MOVED)
        elif self.partition is not None:
            self.partition.accept(message, waiter)
        elif len(self._held) >= self._world.settings.partition_limit:
            waiter(Answer.of(Overloaded("the partition is recovering and too many calls wait already", retry_after=1)))
        else:
            self._held.append((message, waiter))

    def release(self) -> None:
        """Ask the tenure to end cleanly."""
        self.open = None
        self._stop.set()

    async def run(self, owner: Owner | None, *, forced: bool) -> None:
        """Claim, recover, serve, release. Returns when the partition is not this node's any more, for whatever reason."""
        try:
            held = await claim(
                self._world, self._incarnation, self._definition.kind, self._number,
                schema=self._definition.schema, owner=owner, forced=forced,
            )  # fmt: skip
        except (ClaimLost, JournalUnavailable, LeaseUnknown, Disconnected):
            self._turn_away(MOVED)
            return
        except (AppendRefused, UnreadableRecord) as error:
            await self._refuse(f"the journal takes no fence: {error}")
            return
        self._world.telemetry.raise_event(PartitionClaimed(held.kind, held.partition, held.epoch, forced))
        try:
            await self._own(held)
        except* Fenced:
            self.reason = "fenced"
            self._world.telemetry.raise_event(FencedEvent(held.kind, held.partition, held.epoch))
        except* (JournalUnavailable, NoReply, Disconnected):
            self.reason = "unreachable"
        finally:
            self._turn_away(MOVED)
            self._world.telemetry.raise_event(PartitionReleased(held.kind, held.partition, held.epoch, self.reason))

    async def _own(self, held: Claim) -> None:
        subscription = await self._subscribe(held.group)
        try:
            await self._live(held, subscription)
        except* (NotStored, AppendRefused) as errors:
            await self._stand_still(f"the journal refuses to store: {_leaves(errors)[0]}", STORAGE_PAUSE)
        except* (JournalIsBehind, JournalCorrupt, UnreadableRecord) as errors:
            await self._stand_still(str(_leaves(errors)[0]), STOPPED_PAUSE)
        finally:
            await self._unsubscribe(subscription)

    async def _live(self, held: Claim, subscription: Subscription) -> None:
        """Recover, serve, release."""
        began = self._world.clock.boottime()
        recovered = await recover(self._world, held)
        outgoing = sum(len(out) for _, _, out in recovered.outgoing)
        actors, records = len(recovered.folded), recovered.records
        partition = Partition(self._around, self._definition, recovered)
        serving = asyncio.create_task(self._serve(partition), name=f"partition {held.kind}.{held.partition}")
        try:
            await asyncio.sleep(0)
            self._open(partition)
            seconds = self._world.clock.boottime() - began
            self._world.telemetry.raise_event(
                PartitionRecovered(held.kind, held.partition, held.epoch, records, actors, outgoing, seconds)
            )
            await self._until_stopped(serving)
            if not serving.done():
                await subscription.unsubscribe()
                await settle(partition, self._world)
                if error := await self._close(serving):
                    raise error
                await release_key(self._world, held)
                self.reason = "released"
            else:
                serving.result()
        finally:
            self.partition = self.open = None
            await self._close(serving)

    async def _serve(self, partition: Partition) -> None:
        try:
            await partition.run()
        except* SnapshotAhead as errors:
            found = _leaves(errors)[0]
            assert isinstance(found, SnapshotAhead)
            raise partition.journal_lost(found) from None

    def _open(self, partition: Partition) -> None:
        """Serve from now on, first what was held."""
        self.partition = partition
        self.open = None if self._stop.is_set() else partition.accept
        held, self._held = self._held, []
        for message, waiter in held:
            partition.accept(message, waiter)

    async def _until_stopped(self, serving: asyncio.Task[None]) -> None:
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            with suppress(asyncio.CancelledError):
                await stopped

    async def _close(self, serving: asyncio.Task[None]) -> BaseException | None:
        """End what serves; what it ended by, if not by this."""
        if not serving.done():
            serving.cancel()
            await asyncio.wait({serving})
        return None if serving.cancelled() else serving.exception()

    async def _stand_still(self, why: str, seconds: float) -> None:
        """Own the partition without serving it for a while: say why to everybody who asks."""
        self.reason = "stopped"
        self._trouble = Answer.of(Unavailable(why, retry_after=max(1, seconds)))
        self._turn_away(self._trouble)
        with suppress(TimeoutError):
            await self._world.clock.wait_for(self._stop.wait(), seconds)

    async def _refuse(self, why: str) -> None:
        """The owner key is won, but the journal takes no record: nobody else can serve either, so say why."""
        try:
            subscription = await self._subscribe(0)
        except (Disconnected, NoReply):
            return
        try:
            await self._stand_still(why, STORAGE_PAUSE)
        finally:
            await self._unsubscribe(subscription)

    def _turn_away(self, answer: Answer) -> None:
        held, self._held = self._held, []
        for _, waiter in held:
            waiter(answer)

    async def _subscribe(self, group: int) -> Subscription:
        subject = self._world.subjects.calls(self._definition.kind, self._number)
        return await self._world.bus.subscribe(subject, self._called, queue=f"g{group}")

    async def _unsubscribe(self, subscription: Subscription) -> None:
        with suppress(Disconnected, NoReply):
            await subscription.unsubscribe()

    def _called(self, delivery: Delivery) -> None:
        bus = self._world.bus
        try:
            message = read_call(delivery, self._definition, self._number, self._world.clock.now_ms())
        except NatyaError as error:
            respond(bus, delivery.reply, Answer.of(error))
            return
        self.accept(message, partial(respond, bus, delivery.reply))


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
