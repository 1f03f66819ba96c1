"""Stateless kinds: asks answered by whichever node takes them.

Nothing is journaled, so an ask runs at least once: what it tells and emits is stored before it is answered, and is sent again if
the caller asks again. Their tells go the way of all mail, through the partition's owner and journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from natya.errors import DeadlineExceeded, Internal, NatyaError, Overloaded, Unavailable
from natya.message import ID, MSG_ID, Answer, Message, Outgoing, Waiter, digest_of
from natya.ports.bus import Disconnected, NoReply, NoResponders, Refused
from natya.runtime.activation import Activation
from natya.runtime.perform import report_failure
from natya.runtime.quiet import Exempt, Quiet, nobody
from natya.runtime.stage import Kinds, Stage, TurnScope
from natya.runtime.tasks import Tasks
from natya.runtime.turn import Turn, ask_prefix
from natya.runtime.world import World
from natya.telemetry.events import QueryFinished, TurnFinished

if TYPE_CHECKING:
    from natya.manifest import Definition


class Service:
    """Serves the asks of one stateless kind at this node."""

    def __init__(
        self,
        world: World,
        definition: Definition,
        kinds: Kinds,
        call: Callable[[Message], Awaitable[Answer]],
        tasks: Tasks,
        quiet: Quiet,
    ) -> None:
        """Falls silent for ``quiet`` as long as that lives."""
        self._world = world
        self._definition = definition
        self._stage = Stage(world, definition, 0, kinds, call, _begin, _awaits, tasks.spawn)
        self._taken = 0
        self._running: list[Message] = []
        self._pauses: list[Exempt] = []
        self._resumed = asyncio.Event()
        quiet.join(self)

    async def serve(self, message: Message, waiter: Waiter) -> None:
        """Run the method and answer."""
        if self._taken >= self._world.settings.partition_limit:
            waiter(Answer.of(Overloaded("too many requests run here; repeat in a moment", retry_after=1)))
            return
        self._taken += 1
        try:
            while not all(exempt(message) for exempt in self._pauses):
                await self._resumed.wait()
            began = self._world.clock.boottime()
            self._running.append(message)
            try:
                answer = await self._answer(message)
            finally:
                self._running.remove(message)
        finally:
            self._taken -= 1
        seconds = self._world.clock.boottime() - began
        finished = QueryFinished if self._definition.methods[message.method].query else TurnFinished
        self._world.telemetry.raise_event(finished(self._definition.kind, message.method, answer.slug or "ok", seconds))
        waiter(answer)

    def pause(self, exempt: Exempt = nobody) -> None:
        """Let requests wait. See `natya.runtime.quiet.Quieted`, also for what follows."""
        self._pauses.append(exempt)
        self._resumed.clear()

    def resume(self, exempt: Exempt = nobody) -> None:
        self._pauses.remove(exempt)
        self._resumed.set()

    def awaited(self, message: Message) -> bool:
        return any(running.address in message.chain for running in self._running)

    def busy(self, beside: Message) -> bool:
        return any(running.address not in beside.chain for running in self._running)

    async def _answer(self, message: Message) -> Answer:
        definition, clock = self._definition, self._world.clock
        left = (message.deadline - clock.now_ms()) / 1000
        if left <= 0:
            return Answer.of(DeadlineExceeded("the deadline had passed when the message arrived; it was not run"))
        try:
            method = definition.methods[message.method]
            turn = Turn(message, method, method.parse(message.body), digest_of(message.method, message.body), None)
            turn.started = message.sent
            activation = Activation(message.token)
            scope = TurnScope(self._stage, activation, turn, clock.now_ms())
            actor = definition.instance(scope.key, None)
            actor._scope = scope
            await clock.wait_for(actor.on_activate(), left)
            result = await clock.wait_for(method.function(actor, **turn.arguments), left)
            body = method.dump(result)
            for number, out in enumerate(scope.outgoing):
                await self._store(out, f"{ask_prefix(message)}/out/{number}")
        except TimeoutError:
            return Answer.of(DeadlineExceeded("the handler was still running at the deadline"))
        except NatyaError as error:
            if not isinstance(error, Internal):
                return Answer.of(error)
            return Answer.of(report_failure(self._stage, message.token, message.method, error))
        except Exception as error:  # noqa: BLE001 - the turn boundary
            return Answer.of(report_failure(self._stage, message.token, message.method, error))
        return Answer(body)

    async def _store(self, out: Outgoing, id: str) -> None:
        headers = dict(out.headers)
        if out.to:
            headers[ID] = id
        headers[MSG_ID] = f"{out.to}/{id}" if out.to else id
        try:
            await self._world.bus.store(out.subject, out.body, headers, timeout=self._world.settings.append_timeout)
        except (Disconnected, NoReply, NoResponders, Refused) as error:
            raise Unavailable(f"what the handler sends could not be stored: {error}", retry_after=1) from error


async def _begin(turn: Turn) -> None:
    """A stateless turn has no journal: its calls' first sent time is its own message's."""


def _awaits(activation: Activation, address: str) -> None:
    """Nobody waits for a stateless actor's turn to end."""
