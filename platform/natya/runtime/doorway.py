"""Where the calls to one partition come in while this node has to do with it: held, let in, sent on to a successor, or refused.

What is held is answered neither with an error nor out of turn: it waits for some milliseconds, while the partition is recovered
or handed over, and then goes where it belongs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from natya.errors import NatyaError, Overloaded
from natya.message import CHAIN, Answer, Delivery, Message, Waiter
from natya.ports.bus import Disconnected, NoReply, PayloadTooLarge, Subscription
from natya.runtime.admission import MOVED
from natya.runtime.wire import read_call, respond
from natya.runtime.world import World

if TYPE_CHECKING:
    from natya.manifest import Definition

SENT_ON = "Natya-Subject"
"""Header of a call that an owner sends on to its successor: the subject that it came on."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it comes in: what a bus delivers, or what the owner before has sent on."""

    subject: str
    reply: str
    headers: Mapping[str, str]
    data: bytes


class Doorway:
    """The calls of one partition. Holds them from the start, until told what to do with them."""

    def __init__(self, world: World, definition: Definition, number: int) -> None:
        self._world = world
        self._definition = definition
        self._number = number
        self._held: list[Delivery] = []
        self._way: Callable[[Delivery], None] = self._keep
        self._accept: Callable[[Message, Waiter], None] | None = None
        self._subscription: Subscription | None = None
        self.sent_on = 0

    async def open(self, group: int) -> None:
        """Subscribe in the queue group that the claim names. Raises `Disconnected`, `NoReply`."""
        subject = self._world.subjects.calls(self._definition.kind, self._number)
        self._subscription = await self._world.bus.subscribe(subject, self.called, queue=f"g{group}")

    @property
    def is_open(self) -> bool:
        return self._subscription is not None

    async def close(self) -> None:
        """End the subscription, with a barrier: what the server had sent has gone its way when this returns."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            with suppress(Disconnected, NoReply):
                await subscription.unsubscribe()

    def called(self, delivery: Delivery) -> None:
        """A call has come, to the subscription or sent on by the owner before."""
        self._way(delivery)

    def hold(self) -> None:
        """Keep what comes from now on."""
        self._way = self._keep

    def hold_but_chained(self) -> None:
        """The same, except for calls made within turns: a turn that runs here may be waiting for one of them."""
        self._way = self._keep_but_chained

    def let_in(self, accept: Callable[[Message, Waiter], None]) -> None:
        """Hand what comes to the partition, first what was held."""
        self._accept = accept
        self._go(self._take_in)

    def send_on(self, successor: str) -> None:
        """Send what comes to the node that owns the partition now, first what was held. It answers in our place."""
        self._go(partial(self._publish, self._world.subjects.node(successor, "call")))

    def refuse(self, answer: Answer) -> None:
        """Answer everything with this."""
        self._go(lambda delivery: respond(self._world.bus, delivery.reply, answer))

    def _go(self, way: Callable[[Delivery], None]) -> None:
        self._way = way
        held, self._held = self._held, []
        for delivery in held:
            way(delivery)

    def _keep(self, delivery: Delivery) -> None:
        if len(self._held) >= self._world.settings.partition_limit:
            error = Overloaded("the partition is being taken over and too many calls wait already", retry_after=1)
            respond(self._world.bus, delivery.reply, Answer.of(error))
        else:
            self._held.append(delivery)

    def _keep_but_chained(self, delivery: Delivery) -> None:
        if CHAIN in delivery.headers:
            self._take_in(delivery)
        else:
            self._keep(delivery)

    def _take_in(self, delivery: Delivery) -> None:
        assert self._accept is not None
        bus = self._world.bus
        try:
            message = read_call(delivery, self._definition, self._number, self._world.clock.now_ms())
        except NatyaError as error:
            respond(bus, delivery.reply, Answer.of(error))
            return
        self._accept(message, partial(respond, bus, delivery.reply))

    def _publish(self, subject: str, delivery: Delivery) -> None:
        headers = {**delivery.headers, SENT_ON: delivery.subject}
        try:
            self._world.bus.publish(subject, delivery.data, headers, delivery.reply)
            self.sent_on += 1
        except Disconnected:
            pass  # the caller will ask again
        except PayloadTooLarge:
            respond(self._world.bus, delivery.reply, MOVED)


def read_sent_on(delivery: Delivery) -> Call:
    """The call that the owner before has sent on."""
    headers = dict(delivery.headers)
    return Call(headers.pop(SENT_ON, ""), delivery.reply, headers, delivery.data)
