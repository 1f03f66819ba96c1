"""What clients saw of each actor is linearizable: queries and commands, with what other actors did to it.

Clients do not see everything: tells and what was left unknown have no answer, and transfers work behind their backs. The
journal knows: where it is complete, an operation without an answer gets the one that the journal has, an unknown one that is
not there did not happen, and turns that came from no client are added. Of their time the beginning is known, that of the
operation from which they come, over the turns between; and of a transfer's turns at accounts the amount. Whether the journal
agrees with the answers that clients did see is what the search decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Any

from natya.names import encode_key
from natya_ops.chaos.checks.evidence import Evidence
from natya_ops.chaos.checks.journals import BUSINESS, Journals, Line, Place
from natya_ops.chaos.checks.verdict import Verdict, judge
from natya_ops.chaos.linearizability import check
from natya_ops.chaos.models import Account, Counter, Model, Transfer, sees
from natya_ops.chaos.ordering import Limit
from natya_ops.chaos.record import Operation, Outcome, Verb

NOBODY = -1
"""The client of what no client did."""
DEPTH = 20
"""Steps back at most from a turn to the operation that caused it."""
LIMIT = Limit(steps=300_000, seconds=20.0)


def models(evidence: Evidence) -> dict[str, Model]:
    """The kinds whose histories can be checked."""
    return {
        "account": Account(evidence.opening),
        "inbox": Counter("deliver", "received", "received"),
        "transfer": Transfer(),
    }


def check_histories(evidence: Evidence, journals: Journals) -> Verdict:
    """Search an order for the history of each actor whose kind has a model."""
    known = models(evidence)
    histories: defaultdict[str, defaultdict[str, list[Operation]]] = defaultdict(lambda: defaultdict(list))
    for operation in evidence.operations:
        if operation.kind in known:
            histories[operation.kind][operation.key].append(operation)
    clients = _first(evidence.operations)
    found: list[str] = []
    actors = operations = steps = undecided = open_ones = 0
    for kind, by_key in histories.items():
        touched = _touched(evidence) if kind == "account" else frozenset()
        for key, history in by_key.items():
            whole = journals.knows(kind, encode_key(key))
            if not whole and key in touched:
                open_ones += 1
                continue
            finding = check(known[kind], complete(history, journals, clients) if whole else history, LIMIT)
            actors, operations, steps = actors + 1, operations + finding.operations, steps + finding.steps
            undecided += finding.undecided
            found += finding.evidence if finding.linearizable is False else ()
    summary = f"{operations:,} operations on {actors:,} actors, {steps:,} steps"
    summary += f"; the search was given up for {undecided}" if undecided else ""
    summary += f"; {open_ones} accounts of transfers cannot be judged without their journal" if open_ones else ""
    return judge("linearizable", operations, summary, found, unknown=undecided + open_ones)


def complete(history: Sequence[Operation], journals: Journals, clients: Mapping[Place, Operation]) -> list[Operation]:
    """The history of one actor with what its journal knows. Its journal must be complete."""
    kind, key = history[0].kind, history[0].key
    token = encode_key(key)
    ids = {operation.id for operation in history if operation.verb is not Verb.QUERY}
    whole = []
    for operation in history:
        lines = journals.of(operation)
        unseen = not sees(operation) and operation.verb is not Verb.QUERY
        if unseen and lines:
            whole.append(_told(operation, lines[0]))
        elif not unseen or operation.outcome is not Outcome.UNKNOWN or not operation.id:
            whole.append(operation)
    for line in journals.of_key.get((kind, token), ()):
        if line.effect and line.id not in ids:
            origin = _origin((kind, token, line.id), journals, clients)
            begun = -inf if origin is None else origin.begun
            method, known = str(line.turn["method"]), _known_arguments(origin)
            operation = Operation(NOBODY, "turn", Verb.ASK, kind, key, method, line.id, begun, known)
            whole.append(_told(operation, line))
    return whole


def _told(operation: Operation, line: Line) -> Operation:
    """The operation with the answer that its turn has; nobody knows when it ended."""
    error = line.turn.get("error")
    outcome = Outcome.OK if error is None else Outcome.REFUSED if error["code"] == BUSINESS else Outcome.FAILED
    result = line.turn["answer"] if error is None else error["problem"]
    return replace(operation, verb=Verb.ASK, ended=inf, outcome=outcome, result=result, error=line.slug)


def _first(operations: Sequence[Operation]) -> dict[Place, Operation]:
    """The operation of each id, the first if there are several."""
    found: dict[Place, Operation] = {}
    for operation in sorted(operations, key=lambda operation: -operation.begun):
        found[operation.kind, encode_key(operation.key), operation.id] = operation
    return found


def _origin(place: Place, journals: Journals, clients: Mapping[Place, Operation]) -> Operation | None:
    """The operation from which a turn comes, over the turns between."""
    for _ in range(DEPTH):
        if place in clients:
            return clients[place]
        cause = journals.cause(place[2])
        if cause is None:
            return None
        place = cause
    return None


def _known_arguments(origin: Operation | None) -> dict[str, Any]:
    if origin is None or (origin.kind, origin.method) != ("transfer", "start"):
        return {}
    return {"amount": origin.arguments["amount"]}


def _touched(evidence: Evidence) -> frozenset[str]:
    """The accounts that transfers use."""

    def keys() -> Iterator[str]:
        for operation in evidence.operations:
            if operation.kind == "transfer" and operation.method == "start":
                yield operation.arguments["source"]
                yield operation.arguments["target"]

    return frozenset(keys())
