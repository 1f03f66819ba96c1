"""The life of one partition at this node, from the claim to its end.

``claiming`` → ``recovering`` → serving (`partition`) → ``handing_over`` or ``releasing``. Calls that come before it serves are
held; whatever ends it, who waits is told to ask elsewhere, or the call is sent on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from natya.errors import Unavailable
from natya.message import Answer, Message, Waiter
from natya.ports.bus import Disconnected, NoReply
from natya.ports.journal import AppendRefused, JournalUnavailable
from natya.ports.lease import LeaseUnknown
from natya.runtime.admission import MOVED
from natya.runtime.batch import UnreadableRecord
from natya.runtime.catalog import SnapshotAhead
from natya.runtime.claiming import Claim, ClaimLost, claim, release_key, succeed
from natya.runtime.commit import Fenced, NotStored
from natya.runtime.doorway import Doorway
from natya.runtime.handing_over import Ending, HandingOver
from natya.runtime.offer import Offer
from natya.runtime.partition import JournalIsBehind, Partition
from natya.runtime.recovering import JournalCorrupt, Recovered, recover
from natya.runtime.releasing import settle
from natya.runtime.surroundings import Surroundings
from natya.runtime.view import Owner
from natya.telemetry.events import Fenced as FencedEvent
from natya.telemetry.events import PartitionClaimed, PartitionRecovered, PartitionReleased

if TYPE_CHECKING:
    from natya.manifest import Definition

STORAGE_PAUSE = 0.5
STOPPED_PAUSE = 10.0
OVERLAP = 0.05
"""Seconds for which calls still come to a partition that was handed over, until all NATS servers know the successor."""
PATIENCE = 0.02
"""Seconds for which calls are held in the first attempt to hand over; twice as long in each further one."""
PATIENCE_LIMIT = 0.16


class Tenure:
    """One attempt of this node to own a partition, and what comes of it. ``partition`` is there while it serves, and
    ``open`` takes calls straight in for as long as it is neither released nor handed over; ``refusals`` counts successors that
    would not have it."""

    def __init__(self, around: Surroundings, incarnation: str, definition: Definition, number: int) -> None:
        self._around = around
        self._world = around.world
        self._incarnation = incarnation
        self._definition = definition
        self._number = number
        self._told = asyncio.Event()
        self._ending = False
        self._successor = ""
        self._patience = PATIENCE
        self._rest_until = 0.0
        self.doorway = Doorway(self._world, definition, number)
        self.partition: Partition | None = None
        self.open: Callable[[Message, Waiter], None] | None = None
        self.reason = "failed"
        self.refusals = 0

    @property
    def serving(self) -> bool:
        return self.open is not None

    def release(self) -> None:
        """Ask the tenure to end cleanly, with no successor."""
        self.open = None
        self._ending = True
        self._told.set()

    def hand_to(self, successor: str) -> None:
        """Ask the tenure to give the partition to this incarnation. If that cannot be now, it goes on serving, and may be asked
        again."""
        if self.open is not None and self._world.clock.boottime() >= self._rest_until:
            self.open = None
            self._successor = successor
            self._told.set()

    async def claim(self, owner: Owner | None, *, forced: bool) -> None:
        """Claim, recover, serve, give away. Returns when the partition is not this node's any more, for whatever reason."""
        try:
            held = await claim(
                self._world, self._incarnation, self._definition.kind, self._number,
                schema=self._definition.schema, owner=owner, forced=forced,
            )  # fmt: skip
        except (ClaimLost, JournalUnavailable, LeaseUnknown, Disconnected):
            return
        except (AppendRefused, UnreadableRecord) as error:
            await self._refuse(f"the journal takes no fence: {error}")
            return
        self._world.telemetry.raise_event(PartitionClaimed(held.kind, held.partition, held.epoch, forced))
        await self._own(held, None)

    async def succeed(self, offer: Offer, ahead: Recovered, taken: Callable[[bool], None]) -> None:
        """The same, from an owner that hands over. ``taken`` is told whether it is certain that this node owns the partition."""
        held: Claim | None = None
        try:
            await self.doorway.open(offer.group)
            claim = await succeed(self._world, self._incarnation, offer, schema=self._definition.schema)
            if offer.complete:
                for record in offer.tail:
                    ahead.add(*record)
                ahead.last = offer.last
            held = claim
        except (ClaimLost, JournalUnavailable, LeaseUnknown, Disconnected, NoReply, AppendRefused):
            pass
        except (JournalCorrupt, UnreadableRecord):
            pass  # a new claim reads it from the journal, and says what is wrong with it
        finally:
            if held is None:
                taken(False)
                self.doorway.refuse(MOVED)
                await self.doorway.close()
        if held is not None:
            taken(True)
            self._world.telemetry.raise_event(PartitionClaimed(held.kind, held.partition, held.epoch, False))
            await self._own(held, ahead)

    async def _own(self, held: Claim, ahead: Recovered | None) -> None:
        try:
            await self._serve_and_end(held, ahead)
        except* Fenced:
            self.reason = "fenced"
            self._world.telemetry.raise_event(FencedEvent(held.kind, held.partition, held.epoch))
        except* (JournalUnavailable, NoReply, Disconnected):
            self.reason = "unreachable"
        finally:
            self._world.telemetry.raise_event(PartitionReleased(held.kind, held.partition, held.epoch, self.reason))

    async def _serve_and_end(self, held: Claim, ahead: Recovered | None) -> None:
        try:
            if not self.doorway.is_open:
                await self.doorway.open(held.group)
            await self._live(held, ahead)
        except* (NotStored, AppendRefused) as errors:
            await self._stand_still(f"the journal refuses to store: {_leaves(errors)[0]}", STORAGE_PAUSE)
        except* (JournalIsBehind, JournalCorrupt, UnreadableRecord) as errors:
            await self._stand_still(str(_leaves(errors)[0]), STOPPED_PAUSE)
        finally:
            if self.reason != "handed_over":
                self.doorway.refuse(MOVED)
            await self.doorway.close()

    async def _live(self, held: Claim, ahead: Recovered | None) -> None:
        """Recover, serve, give away."""
        began = self._world.clock.boottime()
        recovered = await recover(self._world, held, ahead)
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
            while await self._is_told(serving):
                if self._ending:
                    await self._release(held, partition, serving)
                    return
                if await self._hand_over(held, partition):
                    break
                self._open(partition)
            if self.reason == "failed":
                serving.result()
        finally:
            self.partition = self.open = None
            await self._close(partition, serving)
        if self.reason == "handed_over":
            await self._world.clock.sleep(OVERLAP)

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
        self.open = None if self._ending else partition.accept
        self.doorway.let_in(partition.accept)

    async def _is_told(self, serving: asyncio.Task[None]) -> bool:
        """Wait until the partition is to be given away; False if it has ended before."""
        told = asyncio.create_task(self._told.wait())
        try:
            await asyncio.wait({serving, told}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
            with suppress(asyncio.CancelledError):
                await told
        self._told.clear()
        return not serving.done()

    async def _hand_over(self, held: Claim, partition: Partition) -> bool:
        """Whether the partition has gone, or may have."""
        attempt = HandingOver(self._world, held, partition, self.doorway, patience=self._patience)
        match await attempt.to(self._successor):
            case Ending.GONE:
                self.reason = "handed_over"
            case Ending.UNKNOWN:
                self.reason = "unreachable"
            case Ending.KEPT | Ending.REFUSED as ending:
                self.refusals += ending is Ending.REFUSED
                self._rest_until = self._world.clock.boottime() + 2 * self._patience
                self._patience = min(2 * self._patience, PATIENCE_LIMIT)
                return False
        partition.drop()
        return True

    async def _release(self, held: Claim, partition: Partition, serving: asyncio.Task[None]) -> None:
        await self.doorway.close()
        await settle(partition, serving, self._world)
        if error := await self._close(partition, serving):
            raise error
        await release_key(self._world, held.kind, held.partition, held.owner)
        self.reason = "released"

    async def _close(self, partition: Partition, serving: asyncio.Task[None]) -> BaseException | None:
        """End what serves; what it ended by, if not by this."""
        if not serving.done():
            partition.drop()
            serving.cancel()
            await asyncio.wait({serving})
        return None if serving.cancelled() else serving.exception()

    async def _stand_still(self, why: str, seconds: float) -> None:
        """Own the partition without serving it for a while: say why to everybody who asks."""
        self.reason = "stopped"
        self.doorway.refuse(Answer.of(Unavailable(why, retry_after=max(1, seconds))))
        self._told.clear()
        with suppress(TimeoutError):
            await self._world.clock.wait_for(self._told.wait(), 0.0 if self._ending else seconds)

    async def _refuse(self, why: str) -> None:
        """The owner key is won, but the journal takes no record: nobody else can serve either, so say why."""
        try:
            await self.doorway.open(0)
        except (Disconnected, NoReply):
            return
        try:
            await self._stand_still(why, STORAGE_PAUSE)
        finally:
            await self.doorway.close()


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
