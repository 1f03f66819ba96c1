"""Asks from anybody: any node that hosts the kind takes them and sees that the owner answers.

If this node owns the partition, the message goes straight in. Otherwise it is proxied: under an id of its own if it has
none, repeated on *no responders*, silence and 503, so that a caller that sends one plain request sees latency where others
see errors.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from natya.errors import NatyaError
from natya.message import DEFAULT_DEADLINE_MS, Answer, Delivery, Message
from natya.outcome import OUTCOME
from natya.runtime.admission import unknown_method
from natya.runtime.calling import Caller
from natya.runtime.query import STATE
from natya.runtime.service import Service
from natya.runtime.tasks import Tasks
from natya.runtime.tenure import Tenure
from natya.runtime.wire import read_ask, respond
from natya.runtime.world import World
from natya.written import WRITTEN

if TYPE_CHECKING:
    from natya.manifest import Definition

QUEUE = "router"
BUILT_IN = frozenset((STATE, OUTCOME, WRITTEN))
"""Queries that only an owner answers, and only to those who may publish to ``natya.call``."""


class Router:
    """Takes the asks of the kinds this node hosts. ``tenures`` are the partitions it has now.

    Which methods a kind with state has, its owner decides: while code is rolled out this node's may be another.
    """

    def __init__(self, world: World, tenures: dict[tuple[str, int], Tenure], caller: Caller, tasks: Tasks) -> None:
        self._world = world
        self._tenures = tenures
        self._caller = caller
        self._tasks = tasks

    async def subscribe(self, definition: Definition, service: Service | None) -> Callable[[], Awaitable[None]]:
        """Take the asks of one kind; a stateless one is answered by ``service`` at once. Returns what ends it."""
        handler = partial(self._asked, definition) if service is None else partial(self._served, definition, service)
        subscription = await self._world.bus.subscribe(self._world.subjects.asks(definition.kind), handler, queue=QUEUE)
        return subscription.unsubscribe

    def _read(self, definition: Definition, delivery: Delivery) -> Message | None:
        now = self._world.clock.now_ms()
        try:
            message = read_ask(delivery, definition, now)
            if message.method in BUILT_IN:
                raise unknown_method(definition, message.method)
        except NatyaError as error:
            respond(self._world.bus, delivery.reply, Answer.of(error))
            return None
        if not message.id:
            message.id = self._world.ids.new()
            message.sent = now
        if not message.deadline:
            message.deadline = now + DEFAULT_DEADLINE_MS
        return message

    def _asked(self, definition: Definition, delivery: Delivery) -> None:
        message = self._read(definition, delivery)
        if message is None:
            return
        tenure = self._tenures.get((message.kind, message.partition))
        if tenure is not None and tenure.open is not None:
            tenure.open(message, partial(self._answered, message, delivery.reply))
        else:
            self._tasks.spawn(self._proxy(message, delivery.reply))

    def _answered(self, message: Message, reply: str, answer: Answer) -> None:
        """The local owner's answer: handed on, unless it says that it is the owner no more."""
        if answer.code == 503 and answer.slug == "moved":
            message.attempt += 1
            self._tasks.spawn(self._proxy(message, reply))
        else:
            respond(self._world.bus, reply, answer)

    async def _proxy(self, message: Message, reply: str) -> None:
        respond(self._world.bus, reply, await self._caller.call(message))

    def _served(self, definition: Definition, service: Service, delivery: Delivery) -> None:
        message = self._read(definition, delivery)
        if message is not None and message.method not in definition.methods:
            error = unknown_method(definition, message.method)
            respond(self._world.bus, delivery.reply, Answer.of(error))
        elif message is not None:
            self._tasks.spawn(service.serve(message, partial(respond, self._world.bus, delivery.reply)))
