"""Turns without a runtime: scopes that record what an actor sends, and a table-top world that carries it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from natya.actor import AnyActor
from natya.manifest import Definition
from natya.ref import Options
from natya.scope import QueryScope, Scope

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

Sent = tuple[str, str, str, dict[str, Any], Options]


@dataclass
class Recorded:
    """A scope that records. ``answers`` are what asks get, in order: a value, or an error to raise."""

    key: str = "alice"
    caller: str = ""
    now: datetime = NOON
    id: str = "m1"
    answers: list[object] = field(default_factory=list)
    asked: list[Sent] = field(default_factory=list)
    told: list[Sent] = field(default_factory=list)
    emitted: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def ask(self, kind: str, key: str, method: str, body: bytes, options: Options) -> bytes:
        self.asked.append((kind, key, method, orjson.loads(body or b"{}"), options))
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, BaseException):
            raise answer
        return orjson.dumps(answer)

    def tell(self, kind: str, key: str, method: str, body: bytes, options: Options) -> None:
        self.told.append((kind, key, method, orjson.loads(body or b"{}"), options))

    def emit(self, event: str, body: bytes) -> None:
        self.emitted.append((event, orjson.loads(body)))


def acting(actor: AnyActor, scope: Scope) -> None:
    """Put an actor into a turn."""
    actor._scope = scope


def perform(cls: type[AnyActor], key: str = "alice", state: object = None) -> tuple[Any, Recorded]:
    """An actor in a turn, and the scope that records what it sends."""
    definition = Definition.of(cls)
    actor = definition.instance(key, definition.fresh() if state is None else state)
    scope = Recorded(key=key)
    acting(actor, scope)
    return actor, scope


def reading(cls: type[AnyActor], key: str = "alice", state: object = None) -> Any:
    """An actor in a query."""
    actor, _ = perform(cls, key, state)
    acting(actor, QueryScope(key, "", int(NOON.timestamp() * 1000)))
    return actor
