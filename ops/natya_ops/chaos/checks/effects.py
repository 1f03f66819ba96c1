"""Every acknowledged operation took effect exactly once, every other at most once, and what was refused changed nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from natya.names import encode_key
from natya_ops.chaos.checks.evidence import Evidence
from natya_ops.chaos.checks.journals import ASKED, BUSINESS, SENT, Journals, Line
from natya_ops.chaos.checks.verdict import Verdict, judge
from natya_ops.chaos.linearizability import describe
from natya_ops.chaos.models import UNRELATED, slug_of
from natya_ops.chaos.record import Operation, Outcome, Verb


def check_effects(evidence: Evidence, journals: Journals) -> Verdict:
    """Compare what clients were told with the turns in the journals. An answer must be the one that the journal has. A stored tell
    may have been refused by the actor, but not have failed."""
    commands = [operation for operation in evidence.operations if operation.verb is not Verb.QUERY]
    shared = {place for place, times in Counter(map(_place, commands)).items() if times > 1}
    found: list[str] = []
    unknown = 0
    for operation in commands:
        if not operation.id or _place(operation) in shared:
            unknown += 1
        elif not journals.knows(operation.kind, encode_key(operation.key)) and not _tells(journals.of(operation)):
            unknown += _must_be_there(operation)
        else:
            found += [f"{describe(operation)}: {wrong}" for wrong in _wrong(operation, journals.of(operation))]
    found += _nobody_asked(commands, journals)
    found += _changed_by_nothing(journals)
    outcomes = Counter(operation.outcome for operation in commands)
    summary = (
        f"{outcomes[Outcome.OK]:,} acknowledged operations took effect once each, "
        f"{outcomes[Outcome.REFUSED]:,} refused ones changed nothing"
    )
    if found:
        summary = f"{len(found):,} contradictions in {len(commands):,} operations"
    if unknown:
        summary += f"; {unknown:,} could not be judged"
    return judge("effects", len(commands), summary + journals.trimmed(), found, unknown=unknown)


def _place(operation: Operation) -> tuple[str, str, str]:
    return operation.kind, operation.key, operation.id


def _must_be_there(operation: Operation) -> bool:
    """Whether the journal must have the operation, whatever it was."""
    if operation.outcome is Outcome.REFUSED:
        return operation.verb is Verb.ASK and slug_of(operation) not in UNRELATED
    return operation.outcome is Outcome.OK


def _tells(lines: Sequence[Line]) -> bool:
    """Whether the lines of an incomplete journal say what became of the operation: a repeat alone does not."""
    return any(line.effect or line.slug for line in lines)


def _wrong(operation: Operation, lines: Sequence[Line]) -> Iterator[str]:
    effects = [line for line in lines if line.effect]
    if len(effects) > 1:
        yield "took effect more than once: " + ", ".join(line.where for line in effects)
    if not lines:
        if _must_be_there(operation):
            yield "is in no journal"
        return
    first = lines[0]
    if first.slug and effects:
        yield f"was refused with {first.slug} in {first.where} and then took effect in {effects[0].where}"
    match operation.outcome:
        case Outcome.OK if operation.verb is Verb.TELL:
            if "error" in first.turn and first.turn["error"]["code"] != BUSINESS:
                yield f"failed with {first.slug} in {first.where}"
        case Outcome.OK:
            if not effects:
                yield f"had no effect in {first.where}" + (f", which says {first.slug}" if first.slug else "")
            elif first.turn.get("answer") != operation.result:
                yield f"{first.where} has another answer: {first.turn.get('answer')!r}"
        case Outcome.REFUSED:
            if effects:
                yield f"took effect in {effects[0].where}"
            elif first.slug != slug_of(operation):
                yield f"{first.where} says {first.slug or 'a success'}"
        case Outcome.FAILED:
            if effects:
                yield f"took effect in {effects[0].where}"


def _nobody_asked(commands: list[Operation], journals: Journals) -> Iterator[str]:
    """Effects on the actors of the run that are no operation's, and that no turn sent or asked for. What turns sent is
    checked with the outboxes; asks of stateless actors have no turn in any journal."""
    ids = {(operation.kind, encode_key(operation.key), operation.id) for operation in commands}
    if any(not operation.id for operation in commands):
        return
    for actor in sorted({(kind, token) for kind, token, _ in ids}):
        for line in journals.of_key.get(actor, ()):
            if line.effect and (*actor, line.id) not in ids and not ASKED.match(line.id) and not SENT.match(line.id):
                yield f"{'/'.join(actor)}: nobody asked for {line.turn['method']} with the id {line.id}, {line.where}"


def _changed_by_nothing(journals: Journals) -> Iterator[str]:
    effects = {
        (line.kind, line.partition, line.sequence, line.token)
        for lines in journals.of_key.values()
        for line in lines
        if line.effect
    }
    for (kind, partition), entries in journals.entries.items():
        for entry in entries:
            for token in entry.record.states:
                if (kind, partition, entry.sequence, token) not in effects:
                    yield f"{kind}/{token}: {kind} partition {partition} record {entry.sequence} changes it without a successful turn"
