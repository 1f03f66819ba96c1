"""Taking a partition that its owner hands over: the other side of `handing_over`.

*Prepare* reads the journal ahead and keeps what it says; *take* begins a tenure with it. Who may not take it says so before
anything is done (``unavailable``: the owner serves on); once the owner key or the journal may have been touched the answer is
``moved``, and only a new claim tells who owns it.

**Failure.** Reading ahead for one attempt is slow, the owner tries again, and the first reading ends after the second: *take* would
go on from too early a record, and what was committed in between would be missing. So *take* says up to where it was told to read.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from natya.errors import Moved, Unavailable
from natya.message import Answer, Delivery
from natya.ports.bus import Disconnected, NoReply
from natya.ports.journal import JournalUnavailable
from natya.runtime.batch import UnreadableRecord
from natya.runtime.doorway import read_sent_on
from natya.runtime.offer import Offer
from natya.runtime.recovering import JournalCorrupt, Recovered, read_ahead
from natya.runtime.surroundings import Surroundings
from natya.runtime.tenure import Tenure
from natya.runtime.wire import respond

if TYPE_CHECKING:
    from natya.manifest import Definition

KEEP = 10.0
"""Seconds for which what was read ahead is kept for a *take* that may not come."""

YES = Answer(b'{"ok":true}')
NO = Answer.of(Unavailable("this node cannot take the partition now", retry_after=1))
NOT_KNOWN = Answer.of(Moved("the partition could not be taken, or not certainly", retry_after=0))


class Receiving:
    """Answers the owners that want to hand over. ``begin`` runs a tenure until it ends; ``willing`` says whether this node takes
    anything now."""

    def __init__(
        self,
        around: Surroundings,
        incarnation: str,
        definitions: Sequence[Definition],
        tenures: dict[tuple[str, int], Tenure],
        *,
        willing: Callable[[], bool],
        begin: Callable[[Tenure, str, int, Coroutine[Any, Any, None]], None],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._around = around
        self._world = around.world
        self._incarnation = incarnation
        self._definitions = {definition.kind: definition for definition in definitions}
        self._tenures = tenures
        self._willing = willing
        self._begin = begin
        self._spawn = spawn
        self._ahead: dict[tuple[str, int], tuple[Recovered, float]] = {}

    async def open(self, stack: AsyncExitStack) -> None:
        """Listen until ``stack`` is closed. Raises `Disconnected`, `NoReply`."""
        for verb, handler in (("prepare", self._prepare), ("take", self._take), ("call", self._called)):
            subject = self._world.subjects.node(self._incarnation, verb)
            subscription = await self._world.bus.subscribe(subject, handler)
            stack.push_async_callback(_quietly, subscription.unsubscribe)

    def _read(self, delivery: Delivery) -> Offer | None:
        """The offer, if it can be taken."""
        try:
            offer = Offer.decode(delivery.data)
        except (ValueError, KeyError, TypeError):
            return None  # of another version of the code
        definition = self._definitions.get(offer.kind)
        fits = definition is not None and definition.schema >= offer.schema
        return offer if fits and self._willing() and (offer.kind, offer.partition) not in self._tenures else None

    def _prepare(self, delivery: Delivery) -> None:
        offer = self._read(delivery)
        if offer is None:
            respond(self._world.bus, delivery.reply, NO)
        else:
            self._spawn(self._read_ahead(offer, delivery.reply))

    async def _read_ahead(self, offer: Offer, reply: str) -> None:
        now = self._world.clock.boottime()
        self._ahead = {place: found for place, found in self._ahead.items() if now - found[1] < KEEP}
        try:
            found = await read_ahead(self._world, offer.kind, offer.partition, start=offer.checkpoint + 1, end=offer.last)
        except (JournalUnavailable, JournalCorrupt, UnreadableRecord):
            respond(self._world.bus, reply, NO)
            return
        self._ahead[offer.kind, offer.partition] = found, self._world.clock.boottime()
        respond(self._world.bus, reply, YES)

    def _take(self, delivery: Delivery) -> None:
        offer = self._read(delivery)
        ahead, _ = self._ahead.pop((offer.kind, offer.partition), (None, 0.0)) if offer is not None else (None, 0.0)
        if offer is None or ahead is None or ahead.last != offer.prepared:
            respond(self._world.bus, delivery.reply, NO)
            return
        definition = self._definitions[offer.kind]
        tenure = Tenure(self._around, self._incarnation, definition, offer.partition)

        def taken(certainly: bool) -> None:
            respond(self._world.bus, delivery.reply, YES if certainly else NOT_KNOWN)

        self._begin(tenure, offer.kind, offer.partition, tenure.succeed(offer, ahead, taken))

    def _called(self, delivery: Delivery) -> None:
        """A call that the owner before has sent on."""
        call = read_sent_on(delivery)
        tokens = call.subject.split(".")
        tenure = self._tenures.get((tokens[2], int(tokens[3]))) if len(tokens) == 6 and tokens[3].isdecimal() else None
        if tenure is None:
            respond(self._world.bus, delivery.reply, NOT_KNOWN)
        else:
            tenure.doorway.called(call)


async def _quietly(unsubscribe: Callable[[], Coroutine[Any, Any, None]]) -> None:
    try:
        await unsubscribe()
    except (Disconnected, NoReply):
        return
