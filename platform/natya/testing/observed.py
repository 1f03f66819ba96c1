"""What a test sees of what actors have sent: events and dead letters, read back from the server in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from natya.memory import Stored
from natya.names import decode_key


@dataclass(frozen=True, slots=True)
class Event:
    """A published fact: which actor emitted it, under which name, with what in it. ``id`` is its place in the journal."""

    kind: str
    key: str
    name: str
    payload: dict[str, Any]
    id: str

    @classmethod
    def read(cls, stored: Stored) -> Event:
        kind, token, name = stored.subject.split(".")[-3:]
        return cls(kind, decode_key(token), name, orjson.loads(stored.data or b"{}"), stored.headers.get("Nats-Msg-Id", ""))


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was given up. ``error`` is the problem document of the last attempt, ``body`` and ``headers`` are the
    message's own; ``token`` is the key as it stood in the subject."""

    kind: str
    token: str
    method: str
    attempts: int
    error: Mapping[str, Any]
    headers: Mapping[str, str]
    body: str

    @property
    def slug(self) -> str:
        """The stable name of the error."""
        return str(self.error["code"])

    @classmethod
    def read(cls, stored: Stored) -> DeadLetter:
        found = orjson.loads(stored.data)
        return cls(
            found["kind"], found["key"], found["method"], found["attempts"], found["error"], found["headers"], found["body"]
        )
