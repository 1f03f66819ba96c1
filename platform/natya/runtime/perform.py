"""Running a turn: from the handler's first line to its outcome.

A handler that raises changes nothing: the state goes back to the serialised form of the turn before. What a `Reject`, or
another final *no*, says is an outcome like a result and is recorded; what a failure says is not, so that a repeat may succeed.

Handlers that never suspend (no ``await`` in their code, see `is_plain`) are run on the spot, without a task: most of them
are of this kind.
"""

from __future__ import annotations

import dis
import types
from collections.abc import Callable, Coroutine
from typing import Any

from natya.errors import DeadlineExceeded, Internal, NatyaError, Permanent, PreconditionFailed, TooLarge
from natya.message import Answer
from natya.runtime.activation import Activation
from natya.runtime.letters import aftermath
from natya.runtime.stage import Stage, TurnScope
from natya.runtime.turn import Turn
from natya.telemetry.events import HandlerFailed, TurnFinished, TurnTraced
from natya.telemetry.trace import child_of

_SUSPENDING = frozenset({"GET_AWAITABLE", "GET_AITER", "GET_ANEXT", "BEFORE_ASYNC_WITH", "SEND", "YIELD_VALUE"})

ALWAYS_FITS = 4096
"""No server takes records so small that this would not fit beside the header."""


def is_plain(function: Callable[..., Any]) -> bool:
    """Whether a coroutine function has no place at which it could suspend."""
    code = getattr(function, "__code__", None)
    if not isinstance(code, types.CodeType):
        return False
    return not any(instruction.opname in _SUSPENDING for instruction in dis.get_instructions(code))


def run_plain(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise RuntimeError("a handler without await suspended")


class Performer:
    """Runs the turns of one partition. ``done`` takes turns with an outcome to be committed; ``failed`` those that changed
    nothing and whose answer is not recorded."""

    def __init__(
        self,
        stage: Stage,
        *,
        room: Callable[[], int],
        done: Callable[[Turn], None],
        failed: Callable[[Activation, Turn, NatyaError], None],
    ) -> None:
        self._stage = stage
        self._clock = stage.world.clock
        self._room = room
        self._done = done
        self._failed = failed

    def perform_plain(self, activation: Activation, turn: Turn, now: int) -> None:
        """Run a turn whose handler never suspends; ``now`` is its time, in ms."""
        scope = self._enter(activation, turn, now)
        if scope is None:
            return
        began = self._clock.boottime()
        try:
            assert turn.method is not None
            result = run_plain(turn.method.function(activation.actor, **turn.arguments))
            self._settle(activation, turn, scope, result)
        except Exception as error:  # noqa: BLE001 - the turn boundary
            self._fail(activation, turn, error)
        finally:
            self._leave(activation, turn, began)

    async def perform(self, activation: Activation, turn: Turn) -> None:
        """Run a turn in a task of its own, which may be cancelled when the turn's deadline passes (`Turn.expired`)."""
        scope = self._enter(activation, turn, self._clock.now_ms())
        if scope is None:
            return
        began = self._clock.boottime()
        try:
            assert turn.method is not None
            result = await turn.method.function(activation.actor, **turn.arguments)
            self._settle(activation, turn, scope, result)
        except Exception as error:  # noqa: BLE001 - the turn boundary
            self._fail(activation, turn, error)
        finally:
            self._leave(activation, turn, began)

    def expire(self, activation: Activation, turn: Turn) -> None:
        """The turn was cancelled because its deadline had passed."""
        self._fail(activation, turn, DeadlineExceeded("the handler was still running at the deadline; nothing changed"))

    def _enter(self, activation: Activation, turn: Turn, now: int) -> TurnScope | None:
        message = turn.message
        if turn.verdict is not None:
            self.conclude(activation, turn, turn.verdict, None)
            return None
        if message.if_version is not None and message.if_version != activation.version:
            error = PreconditionFailed(
                f"the actor is at version {activation.version}, not {message.if_version}", version=activation.version
            )
            self.conclude(activation, turn, Answer.of(error), None)
            return None
        if message.traceparent and self._stage.world.telemetry.tracing and (own := child_of(message.traceparent)):
            turn.parent, message.traceparent = message.traceparent, own
        if not self._stage.definition.stateless and activation.actor.state is None:
            self._thaw(activation)
        scope = TurnScope(self._stage, activation, turn, now)
        activation.running = turn
        activation.actor._scope = scope
        return scope

    def _thaw(self, activation: Activation) -> None:
        """The state as it was at the end of the last turn."""
        definition = self._stage.definition
        activation.actor.state = definition.thaw(activation.frozen, definition.schema)

    def _leave(self, activation: Activation, turn: Turn, began: float) -> None:
        activation.running = None
        activation.actor._scope = None
        telemetry = self._stage.world.telemetry
        if telemetry.active:
            answer = turn.answer
            outcome = "failed" if answer is None else answer.slug or "ok"
            seconds = self._clock.boottime() - began
            telemetry.raise_event(TurnFinished(self._stage.definition.kind, turn.message.method, outcome, seconds))
            if turn.parent:
                telemetry.raise_event(_traced(turn, outcome, seconds))

    def _settle(self, activation: Activation, turn: Turn, scope: TurnScope, result: Any) -> None:
        """The handler has returned: serialise what it made, and check that the journal can take it."""
        assert turn.method is not None
        body = turn.method.dump(result)
        definition = self._stage.definition
        state = None
        if not definition.stateless:
            state = definition.freeze(activation.actor.state)
            if state == activation.frozen:
                state = None
        size = len(body) + (len(state) if state else 0)
        if turn.message.reply_to:
            size += len(body)
        if scope.outgoing:
            size += sum(len(out.body) + 300 for out in scope.outgoing)
        if size > ALWAYS_FITS and size > (room := self._room()):
            raise TooLarge(
                f"state, answer and messages of the turn have {size} bytes; at most {room} fit", limit=room, size=size
            )
        if state is not None:
            activation.frozen = state
            activation.view = None
        self.conclude(activation, turn, Answer(body), state, scope)

    def conclude(
        self, activation: Activation, turn: Turn, answer: Answer, state: bytes | None, scope: TurnScope | None = None
    ) -> None:
        """The turn has its outcome: it goes to be committed. A success is the actor's next version, a *no* leaves it as it
        is. A stored message that ends in an error leaves as a dead letter, one that asks for its result sends it; a call
        leaves one too if it is condemned."""
        if answer.code == 0 and turn.verdict is None:
            activation.version += 1
        if turn.message.mail > activation.mail:
            activation.mail = turn.message.mail
        activation.tail = turn
        outgoing = scope.outgoing if scope is not None and scope.outgoing else None
        if turn.message.mail or (answer.code and turn.condemned):
            outgoing = [*(outgoing or []), *aftermath(self._stage, turn, answer)] or None
        turn.settle(answer, version=activation.version, mail=activation.mail, state=state, outgoing=outgoing)
        self._done(turn)

    def _fail(self, activation: Activation, turn: Turn, error: Exception) -> None:
        """The handler has raised: back to the state before, then record a *no* or report a failure."""
        if not self._stage.definition.stateless:
            self._thaw(activation)
        if isinstance(error, Permanent):
            self.conclude(activation, turn, Answer.of(error), None)
            return
        if not isinstance(error, NatyaError) or isinstance(error, Internal):
            error = self._report(turn, error)
        self._failed(activation, turn, error)

    def _report(self, turn: Turn, error: Exception) -> Internal:
        message = turn.message
        return report_failure(self._stage, message.token, message.method, error)


def _traced(turn: Turn, outcome: str, seconds: float) -> TurnTraced:
    message = turn.message
    return TurnTraced(
        message.kind, message.token, message.method, outcome, seconds, message.traceparent, turn.parent, message.tracestate
    )


def report_failure(stage: Stage, token: str, method: str, error: Exception) -> Internal:
    """Log what a handler raised under an id, and make the answer that carries this id and no inner detail."""
    error_id = stage.world.ids.new()
    stage.world.telemetry.raise_event(HandlerFailed(stage.definition.kind, token, method, error_id, error))
    detail = error.detail if isinstance(error, Internal) else f"the handler raised {type(error).__name__}"
    return Internal(f"{detail}; nothing changed", error_id=error_id)
