"""What is read and written down for the checks.

**When to read.** After the last heal, when nothing is under way any more: no operation is open, every transfer has ended or
stands still, no mail and no outbox waits. First the journals, then events and dead letters, then balances and transfers. What
is read too early looks lost.

**How far back.** A journal is *complete* if it begins with its partition's first fence. A partition forgets journal that neither
its checkpoint nor its id index needs, so a run must keep the index whole: ``NATYA_INDEX_AGE`` longer than the run
(3,600 s by default) and ``NATYA_INDEX_BYTES`` for all ids of a node (130 bytes each, 128 MiB by default). Checks that
need what is not there any more say how much they could not judge, and are undecided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

from natya.runtime.batch import Record
from natya_ops.chaos.record import Operation, Strike, Verb


class Entry(NamedTuple):
    """One record of a partition's journal: its sequence, when the server stored it (ms since the epoch), and what it says."""

    sequence: int
    time: int
    record: Record


@dataclass(frozen=True, slots=True)
class Stored:
    """One message of the stream of events or of dead letters; ``id`` is its ``Nats-Msg-Id``."""

    sequence: int
    subject: str
    id: str


@dataclass(frozen=True, slots=True)
class Minimum:
    """What must have happened for the other verdicts to mean something.

    ``operations``: in all; ``each``: for each of the ``ways`` (a verb and ``nats`` or ``edge``, which takes no tells);
    ``strikes``: of each fault that was asked for; ``answered``: the fraction of all operations that ended OK or refused.
    """

    operations: int = 500
    each: int = 20
    strikes: int = 1
    answered: float = 0.5
    ways: frozenset[tuple[Verb, str]] = frozenset(product(Verb, ("nats", "edge"))) - {(Verb.TELL, "edge")}


@dataclass(slots=True)
class Evidence:
    """One run. Times are seconds since it began, as in `Operation`.

    ``journals``: by kind and partition, all records that are there, oldest first: of every kind that took part, all its
    partitions. ``events``, ``dead``: everything in those streams (None: not read, and not judged). ``balances``: key →
    balance of every account at the end; ``opening``: of those that did not begin at 0. ``transfers``: key → what ``status``
    said at the end. ``probes``: operations begun after the last heal, to see that everything answers. ``faults``: names of
    those that were asked for. ``seconds``: how long the load lasted.
    """

    operations: Sequence[Operation]
    strikes: Sequence[Strike] = ()
    journals: Mapping[tuple[str, int], Sequence[Entry]] = field(default_factory=dict)
    events: Sequence[Stored] | None = None
    dead: Sequence[Stored] | None = None
    balances: Mapping[str, int] = field(default_factory=dict)
    opening: Mapping[str, int] = field(default_factory=dict)
    transfers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    probes: Sequence[Operation] = ()
    faults: frozenset[str] = frozenset()
    seconds: float = 0.0
    minimum: Minimum = Minimum()
