"""What a running turn stands on: the partition's context, and the scope through which a handler acts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from natya.errors import CallCycle, TooLarge, UnknownKind
from natya.message import DEFAULT_DEADLINE_MS, SENT, TRACEPARENT, TRACESTATE, Answer, Message, Outgoing, check_id
from natya.names import check_method, decode_key, encode_key, partition_of
from natya.runtime.activation import Activation
from natya.runtime.turn import Turn, ask_prefix
from natya.runtime.world import World

if TYPE_CHECKING:
    from natya.manifest import Definition
    from natya.ref import Options


class Kinds(Protocol):
    """The kinds that are deployed in the cluster."""

    def partitions(self, kind: str) -> int | None:
        """Their number; None if no such kind is known."""
        ...


@dataclass(frozen=True, slots=True)
class Stage:
    """The context of all turns of one partition. ``call`` asks another actor and repeats until there is an answer; ``begin``
    journals that a turn is about to do so; ``awaits`` is told whom a running turn waits for; ``spawn`` starts a task that
    lives no longer than the partition."""

    world: World
    definition: Definition
    partition: int
    kinds: Kinds
    call: Callable[[Message], Awaitable[Answer]]
    begin: Callable[[Turn], Awaitable[None]]
    awaits: Callable[[Activation, str], None]
    spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


class TurnScope:
    """What a handler sees of its turn. Implements `natya.actor.Scope`."""

    __slots__ = ("activation", "asks", "now_ms", "outgoing", "stage", "turn")

    def __init__(self, stage: Stage, activation: Activation, turn: Turn, now_ms: int) -> None:
        self.stage = stage
        self.activation = activation
        self.turn = turn
        self.now_ms = now_ms
        self.outgoing: list[Outgoing] = []
        self.asks = 0

    @property
    def key(self) -> str:
        return decode_key(self.turn.message.token)

    @property
    def id(self) -> str:
        return self.turn.message.id

    @property
    def caller(self) -> str:
        return self.turn.message.caller

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.now_ms / 1000, UTC)

    async def ask(self, kind: str, key: str, method: str, body: bytes, options: Options) -> bytes:
        """Ask another actor, under an id that a second run of this turn would use again."""
        token, partitions = self._target(kind, key, method)
        message = self.turn.message
        address = f"{kind}/{token}"
        chain = (*message.chain, message.address)
        if address in chain:
            raise CallCycle(f"{address} waits for this very call", actors=[*chain, address])
        number = self.asks
        self.asks += 1
        stage = self.stage
        await stage.begin(self.turn)
        deadline = self.turn.deadline or stage.world.clock.now_ms() + DEFAULT_DEADLINE_MS
        if options.timeout is not None:
            deadline = min(deadline, stage.world.clock.now_ms() + int(options.timeout * 1000))
        if options.id:
            check_id(options.id)
        call = Message(
            kind, token, partition_of(token, partitions), method, body,
            id=options.id or f"{ask_prefix(message)}/{number}",
            sent=self.turn.started, attempt=self.turn.attempts, deadline=deadline, keep=options.keep,
            if_version=options.if_version, caller=message.caller, chain=chain,
            traceparent=message.traceparent, tracestate=message.tracestate,
        )  # fmt: skip
        stage.awaits(self.activation, address)
        try:
            answer = await stage.call(call)
        finally:
            self.activation.awaiting = ""
        if answer.code:
            raise answer.error()
        return answer.body

    def tell(self, kind: str, key: str, method: str, body: bytes, options: Options) -> None:
        """Send a message with this turn's commit."""
        token, _ = self._target(kind, key, method)
        subject = self.stage.world.subjects.tell(kind, token, method)
        self._leave(Outgoing(subject, body, self._headers(sent=True), to=token))

    def emit(self, event: str, body: bytes) -> None:
        """Publish a fact with this turn's commit."""
        check_method(event)
        message = self.turn.message
        self._leave(Outgoing(self.stage.world.subjects.event(message.kind, message.token, event), body, self._headers()))

    def _target(self, kind: str, key: str, method: str) -> tuple[str, int]:
        check_method(method)
        partitions = self.stage.kinds.partitions(kind)
        if partitions is None:
            raise UnknownKind(f"no kind {kind!r} is deployed", kind=kind)
        return encode_key(key), partitions

    def _headers(self, *, sent: bool = False) -> dict[str, str]:
        headers = {SENT: str(self.now_ms)} if sent else {}
        if self.turn.message.traceparent:
            headers[TRACEPARENT] = self.turn.message.traceparent
            if self.turn.message.tracestate:
                headers[TRACESTATE] = self.turn.message.tracestate
        return headers

    def _leave(self, out: Outgoing) -> None:
        limit = self.stage.world.bus.max_payload - 4096
        if len(out.body) > limit:
            raise TooLarge(f"a message of {len(out.body)} bytes; at most {limit}", limit=limit, size=len(out.body))
        self.outgoing.append(out)
