"""The journals, and what they say was done and sent: judged by the same checks as a run with real processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from natya.memory import Stored as Message
from natya.message import MSG_ID
from natya.names import encode_key
from natya.runtime.batch import decode
from natya_ops.chaos.checks import Entry, Evidence, Journals, Stored, check_effects, check_order, check_outbox
from natya_ops.chaos.linearizability import check
from natya_ops.chaos.models import Account
from natya_ops.chaos.record import Operation, Verb
from simulation.checks.final import Final
from simulation.stage import DEFINITIONS, Stage
from simulation.workload import SAVINGS


def check_journals(stage: Stage, operations: list[Operation], final: Final) -> Iterator[str]:
    """Effects once each, epochs and versions that never go back, messages delivered once each, histories that can be put in
    order."""
    records = {
        (definition.kind, number): _records(stage, definition.kind, number)
        for definition in DEFINITIONS
        for number in range(definition.partitions)
    }
    journals = Journals(records)
    evidence = Evidence(
        [operation for operation in operations if not _may_fail(operation, journals)],
        journals=records,
        events=_stored(stage.network.events),
        dead=_stored(stage.network.dead_letters),
    )
    for verdict in (check_effects, check_order, check_outbox):
        found = verdict(evidence, journals)
        if found.ok is False:
            yield from (f"{found.name}: {line}" for line in found.evidence)
    finding = check(Account(), [operation for operation in operations if operation.key in SAVINGS])
    if finding.linearizable is False:
        yield from finding.evidence
    for (kind, key), actor in final.items():
        lines = journals.of_key.get((kind, encode_key(key)))
        if lines and lines[-1].turn["v"] != actor["version"]:
            yield f"{kind}/{key} is at version {actor['version']} and at {lines[-1].turn['v']} in its journal"


def _records(stage: Stage, kind: str, number: int) -> list[Entry]:
    stream = stage.network.stream(stage.network.subjects.journal_stream(kind, number))
    assert stream is not None
    stored = stream.read(stage.network.subjects.journal(kind, number))
    return [Entry(message.sequence, message.time, decode(message.data)) for message in stored]


def _stored(messages: Sequence[Message]) -> list[Stored]:
    return [Stored(message.sequence, message.subject, message.headers[MSG_ID]) for message in messages]


def _may_fail(operation: Operation, journals: Journals) -> bool:
    """Whether it is a tell whose handler raises, or was believed to end its process: a dead letter is its right end."""
    if operation.verb is not Verb.TELL:
        return False
    return operation.method == "fail" or any(line.slug == "internal" for line in journals.of(operation))
