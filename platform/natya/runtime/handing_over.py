"""Giving a partition to a successor so that nobody notices: phase four of its life where another node is there to take it.

1. *Prepare*: the successor reads the journal ahead while this node serves.
2. Calls are held, running handlers end, everything is committed. If that takes long, nothing is held any more and it is tried
   again later: a slow handler must not hold up its neighbours.
3. *Take*, with the records since it has read: the successor subscribes in the same queue group, wins the owner key, and fences
   with exactly the sequence that it was told. From here on it answers.
4. What was held is sent on to it, and what still comes: it answers the callers itself.
5. A little later the subscription ends, with a barrier; what the server had sent before is sent on too.

**Failures.** The successor dies before *take* arrives, or says no: this node serves on as if nothing had been. After *take* was
sent and no answer came, nothing is known: the successor may have fenced, or may do so later. Then this node forgets everything,
and a new claim decides (the owner key still names this node, or the successor, whose end is noticed like anybody's). A *take* that
arrives late finds the owner key or the journal moved on and is refused there. This node dies after *take*: what it held is
repeated by its callers, under the same ids. The partition is dropped meanwhile (fenced, or the lease was lost): there is nothing to
go on with, and whoever waits is told to ask elsewhere.
"""

from __future__ import annotations

from enum import Enum

from natya.message import Answer
from natya.ports.bus import Disconnected, NoReply, NoResponders
from natya.runtime.claiming import Claim
from natya.runtime.commit import Appended
from natya.runtime.doorway import Doorway
from natya.runtime.offer import Offer
from natya.runtime.partition import Partition
from natya.runtime.world import World
from natya.telemetry.events import HandedOver

PREPARING = 5.0
TAKING = 2.0
COMMITTING = 0.5
STEP = 0.001


class Ending(Enum):
    """How an attempt ended: the partition has gone, is still served here (because the successor would not have it, or because it
    did not come to rest), or it is not known."""

    GONE = "gone"
    REFUSED = "refused"
    KEPT = "kept"
    UNKNOWN = "unknown"


class HandingOver:
    """One attempt. ``patience``: seconds for which calls may be held until running handlers have ended."""

    def __init__(self, world: World, held: Claim, partition: Partition, doorway: Doorway, *, patience: float) -> None:
        self._world = world
        self._held = held
        self._partition = partition
        self._doorway = doorway
        self._patience = patience

    async def to(self, successor: str) -> Ending:
        """Try to give the partition to this incarnation. When it has gone, `Doorway.close` and `Partition.drop` are left to do."""
        committer = self._partition.committer
        since, prepared = committer.follow(), committer.last
        try:
            willing = await self._ask(successor, "prepare", PREPARING, prepared)
            if willing is not Ending.GONE:
                return Ending.REFUSED
            return await self._give(successor, prepared, since)
        finally:
            committer.unfollow()

    async def _give(self, successor: str, prepared: int, since: list[Appended]) -> Ending:
        execution, committer, clock = self._partition.execution, self._partition.committer, self._world.clock
        began = clock.boottime()
        exempt = execution.awaited
        execution.pause(exempt)
        self._doorway.hold_but_chained()
        ending = Ending.KEPT
        if await self._comes_to_rest():
            self._doorway.hold()
            ending = await self._ask(successor, "take", TAKING, prepared, since)
        if ending in (Ending.KEPT, Ending.REFUSED) and not self._partition.dropped:
            committer.thaw()
            execution.resume(exempt)
            self._doorway.let_in(self._partition.accept)
        if ending is Ending.GONE:
            self._doorway.send_on(successor)
            event = HandedOver(
                self._held.kind, self._held.partition, successor, clock.boottime() - began, self._doorway.sent_on
            )
            self._world.telemetry.raise_event(event)
        return ending

    async def _comes_to_rest(self) -> bool:
        """Whether everything that ran has ended and is committed, and nothing more will be appended."""
        execution, committer, clock = self._partition.execution, self._partition.committer, self._world.clock
        until = clock.boottime() + self._patience
        while execution.running:
            if clock.boottime() >= until or self._partition.dropped:
                return False
            await clock.sleep(STEP)
        until = clock.boottime() + COMMITTING
        while execution.running or not committer.idle:
            if clock.boottime() >= until or self._partition.dropped:
                return False
            await clock.sleep(STEP)
        committer.freeze()
        return True

    async def _ask(
        self, successor: str, verb: str, timeout: float, prepared: int, tail: list[Appended] | None = None
    ) -> Ending:
        header, last = self._partition.committer.last_header, self._partition.committer.last
        complete = tail is not None and sum(len(data) for _, _, data in tail) < self._world.bus.max_payload // 2
        checkpoint, mark, mail = (
            self._partition.checkpoint.now(),
            self._world.snapshots.mark(),
            self._partition.mailbag.position(),
        )
        offer = Offer(
            self._held.kind, self._held.partition, self._held.revision, self._held.group,
            last, header.epoch, header.schema, header.sent, checkpoint, mark, self._partition.committer.unclean, mail, prepared,
            complete, tail if tail is not None and complete else [],
        )  # fmt: skip
        subject = self._world.subjects.node(successor, verb)
        try:
            answer = Answer.read(await self._world.bus.request(subject, offer.encode(), timeout=timeout))
        except (NoResponders, Disconnected):
            return Ending.REFUSED
        except NoReply:
            return Ending.UNKNOWN
        if answer.code == 0:
            return Ending.GONE
        return Ending.REFUSED if answer.slug == "unavailable" else Ending.UNKNOWN
