"""What is written down while a platform is being broken: the operations of the workload and the faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Outcome(Enum):
    """How an operation ended for whoever asked. Only ``UNKNOWN`` leaves open whether it took effect."""

    OK = "ok"
    REFUSED = "refused"  # a business no, final: nothing changed
    FAILED = "failed"  # certainly without effect (never accepted)
    UNKNOWN = "unknown"  # no answer to the end, or an answer that says so


class Verb(Enum):
    ASK = "ask"
    TELL = "tell"
    QUERY = "query"


@dataclass(slots=True)
class Operation:
    """One intention of a client, all its attempts together. Times are seconds since the run began, of one clock.

    ``id`` is its ``Natya-Id``; ``via`` is ``nats`` or ``edge``; ``result`` the JSON of the answer (the problem document if it
    was not OK); ``error`` the slug of what it was refused or failed with, else in words; ``version`` the actor's version if the
    answer told it. ``ended`` is infinite while nothing was heard. A tell that is OK was stored: it takes effect later.
    """

    client: int
    via: str
    verb: Verb
    kind: str
    key: str
    method: str
    id: str
    begun: float
    arguments: dict[str, Any] = field(default_factory=dict)
    ended: float = float("inf")
    outcome: Outcome = Outcome.UNKNOWN
    attempts: int = 0
    result: Any = None
    error: str = ""
    version: int | None = None


@dataclass(slots=True)
class Strike:
    """One fault that was done. ``fault`` is its name (``kill``, ``stop``, …), ``target`` says to what; times as above.

    ``recovered`` is the time at which everything that had been asked answered again; infinite if that never happened.
    """

    fault: str
    target: str
    begun: float
    healed: float = float("inf")
    recovered: float = float("inf")
