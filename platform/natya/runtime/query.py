"""Queries: they see whole turns and change nothing.

A query reads the state at the end of the actor's last finished turn, from one parsed copy per version that all readers share,
never the one a handler is changing. If that turn is not committed yet, the answer waits for its commit; and it leaves only if
the lease is valid then, because without an append only the lease says that nobody else has committed since.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from natya.actor import Actor
from natya.errors import DeadlineExceeded, Internal, Moved, NatyaError
from natya.message import Answer, Message, Waiter
from natya.runtime.activation import Activation
from natya.runtime.perform import report_failure, run_plain
from natya.runtime.stage import Stage
from natya.runtime.turn import Turn
from natya.scope import QueryScope
from natya.telemetry.events import QueryFinished

if TYPE_CHECKING:
    from natya.manifest import Method

STATE = "state"
"""The query that every actor with a state has on ``natya.call``: ``{"version": n, "state": {…}}``."""


class Query:
    """One query on its way. ``method`` is None for the built-in `STATE`."""

    __slots__ = ("arguments", "message", "method", "waiter")

    def __init__(self, message: Message, method: Method | None, arguments: dict[str, Any], waiter: Waiter) -> None:
        self.message = message
        self.method = method
        self.arguments = arguments
        self.waiter = waiter

    def takes_in(self, repeat: Query) -> bool:
        """Whether ``repeat`` is a further attempt of this query; it gets this one's answer then. Who asked has stopped listening
        for that where the first attempt came from, and would never get an answer that takes longer than its patience."""
        ours, theirs = self.message, repeat.message
        if (ours.id, ours.token, ours.method, ours.body) != (theirs.id, theirs.token, theirs.method, theirs.body):
            return False
        self.waiter = partial(_answer_both, self.waiter, repeat.waiter)
        return True


class Reader:
    """Answers the queries of one partition. ``valid`` says whether the lease is."""

    def __init__(self, stage: Stage, plain: frozenset[str], valid: Callable[[], bool]) -> None:
        self._stage = stage
        self._plain = plain
        self._valid = valid
        self._hooked = stage.definition.actor.on_activate is not Actor.on_activate
        self._slow: set[Query] = set()

    def answer(self, activation: Activation, query: Query) -> None:
        """Run the query on a ready activation and answer it when what it read is committed."""
        method = query.method
        if method is None:
            state = orjson.Fragment(activation.frozen) if activation.frozen is not None else self._default()
            self._reply(activation, query, Answer(orjson.dumps({"version": activation.version, "state": state})))
        elif method.name in self._plain and not self._hooked:
            began = self._stage.world.clock.boottime()
            try:
                actor = activation.view
                if actor is None:
                    actor = activation.view = self._copy(activation)
                actor._scope = self._scope(actor, query.message)
                result = Answer(method.dump(run_plain(method.function(actor, **query.arguments))))
            except Exception as error:  # noqa: BLE001 - the turn boundary
                result = self._refusal(query, error)
            self._finished(method, result, began)
            self._reply(activation, query, result)
        else:
            self._slow.add(query)
            self._stage.spawn(self._answer_slowly(activation, query, method))

    async def _answer_slowly(self, activation: Activation, query: Query, method: Method) -> None:
        """A query that may suspend has a copy to itself: its scope must not change under it. It is as of its start, and ends with
        its deadline."""
        tail = activation.tail
        clock = self._stage.world.clock
        began = clock.boottime()
        left = (query.message.deadline - clock.now_ms()) / 1000
        try:
            actor = self._copy(activation)
            result = Answer(method.dump(await clock.wait_for(self._run(actor, query, method), left)))
        except TimeoutError:
            result = Answer.of(DeadlineExceeded("the query was still running at the deadline"))
        except Exception as error:  # noqa: BLE001 - the turn boundary
            result = self._refusal(query, error)
        self._slow.discard(query)
        self._finished(method, result, began)
        if tail is not None and not tail.sequence:
            self._after(tail, query.waiter, result)
        else:
            self._send(query.waiter, result)

    async def _run(self, actor: Any, query: Query, method: Method) -> Any:
        if self._hooked:
            await actor.on_activate()
        actor._scope = self._scope(actor, query.message)
        return await method.function(actor, **query.arguments)

    def _finished(self, method: Method, result: Answer, began: float) -> None:
        telemetry = self._stage.world.telemetry
        if telemetry.active:
            seconds = self._stage.world.clock.boottime() - began
            telemetry.raise_event(QueryFinished(self._stage.definition.kind, method.name, result.slug or "ok", seconds))

    def _reply(self, activation: Activation, query: Query, answer: Answer) -> None:
        if activation.tail is None:
            self._send(query.waiter, answer)
        else:
            self._after(activation.tail, query.waiter, answer)

    def _after(self, tail: Turn, waiter: Waiter, answer: Answer) -> None:
        if tail.after is None:
            tail.after = []
        tail.after.append((waiter, answer))

    def _send(self, waiter: Waiter, answer: Answer) -> None:
        waiter(answer if self._valid() else MOVED)

    def joins(self, query: Query) -> bool:
        """Whether an earlier attempt of the query still runs: its answer goes to this one too."""
        return any(other.takes_in(query) for other in self._slow)

    @property
    def busy(self) -> bool:
        """Whether a query runs now."""
        return bool(self._slow)

    def drop(self) -> None:
        """The partition is dropped: queries that still run are not answered by it any more."""
        slow, self._slow = self._slow, set()
        for query in slow:
            query.waiter(MOVED)

    def committed(self, waiters: list[tuple[Waiter, Answer]]) -> None:
        """What these have read is committed."""
        for waiter, answer in waiters:
            self._send(waiter, answer)

    def _scope(self, actor: Any, message: Message) -> QueryScope:
        return QueryScope(actor.key, message.caller, self._stage.world.clock.now_ms(), message.id)

    def _copy(self, activation: Activation) -> Any:
        definition = self._stage.definition
        return definition.instance(activation.actor.key, definition.thaw(activation.frozen, definition.schema))

    def _default(self) -> Any:
        definition = self._stage.definition
        return orjson.Fragment(definition.freeze(definition.fresh()))

    def _refusal(self, query: Query, error: Exception) -> Answer:
        if isinstance(error, NatyaError) and not isinstance(error, Internal):
            return Answer.of(error)
        return Answer.of(report_failure(self._stage, query.message.token, query.message.method, error))


def _answer_both(first: Waiter, second: Waiter, answer: Answer) -> None:
    first(answer)
    second(answer)


MOVED = Answer.of(Moved("the node that was asked is not sure of owning the actor now", retry_after=0))
