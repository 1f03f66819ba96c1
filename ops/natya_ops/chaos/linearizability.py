"""Whether what clients saw of each actor has an order that explains it: linearizability, decided by search.

**Problem.** Operations overlap, and some have no answer. The history of an actor is linearizable if its operations can be put
into one order in which (1) whatever ended before something else began comes before it, and (2) a model of the actor, run in
that order, gives each the answer that its client saw. Deciding that is NP-complete.

**Idea.** Wing and Gong, *Testing and verifying concurrent objects* (1993): build the order from its beginning, trying what may
come next. Lowe, *Testing for linearizability* (2017): remember each configuration (which operations are placed, and the
model's state), and visit none twice. Linearizability is local: each actor is judged by itself. `ordering` has the search.

**Unknown outcomes.** An operation without an answer may take effect at any time after its beginning, or never. A tell that
was stored takes effect at some time, with an outcome that nobody sees. What was refused must fit the state that refused it
and changes nothing; what failed is left out. Several operations of one id are one: it took effect once, after the first of
them began and before any of them was answered, and all saw the same answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from natya_ops.chaos.models import Model, slug_of
from natya_ops.chaos.ordering import USUAL, Limit, Ordering, find_order
from natya_ops.chaos.record import Operation, Outcome, Verb

__all__ = ["Finding", "Limit", "Model", "Ordering", "check"]

SHOWN = 8
"""Operations that are shown of a long list."""


@dataclass(slots=True)
class Finding:
    """The answer. ``linearizable`` is None if a search reached its limit and no other found a contradiction. ``operations`` were
    looked at in ``histories`` (one an actor), in ``steps``; ``undecided`` is the number of histories whose search was given up.

    ``orderings``: by kind and key, how each search ended. ``evidence`` says, for people, what could not be placed.
    """

    linearizable: bool | None = True
    histories: int = 0
    operations: int = 0
    steps: int = 0
    undecided: int = 0
    orderings: dict[tuple[str, str], Ordering] = field(default_factory=dict)
    evidence: list[str] = field(default_factory=list)


def check(model: Model, operations: Iterable[Operation], limit: Limit = USUAL) -> Finding:
    """Judge the histories of all actors in ``operations``, each by itself and within ``limit``. All must be of kinds that
    ``model`` describes."""
    finding = Finding()
    histories: defaultdict[tuple[str, str], list[Operation]] = defaultdict(list)
    for operation in operations:
        histories[operation.kind, operation.key].append(operation)
    for actor, history in sorted(histories.items()):
        finding.histories += 1
        finding.operations += len(history)
        counting, contradictions = once([operation for operation in history if _counts(operation)])
        ordering = find_order(model, counting, limit)
        finding.steps += ordering.steps
        finding.orderings[actor] = ordering
        finding.undecided += ordering.found is None
        if contradictions or ordering.found is False:
            finding.linearizable = False
            finding.evidence += [*contradictions, *(() if ordering.found else _explain(actor, ordering, len(counting)))]
        elif ordering.found is None:
            finding.linearizable = finding.linearizable and None
            finding.evidence += _explain(actor, ordering, len(counting))
    return finding


def _counts(operation: Operation) -> bool:
    """Whether it says anything about the actor: not what certainly had no effect and saw nothing."""
    if operation.outcome is Outcome.FAILED or (operation.outcome is Outcome.REFUSED and slug_of(operation) == "id_reused"):
        return False
    if operation.outcome is Outcome.UNKNOWN:
        return operation.verb is not Verb.QUERY
    return operation.verb is not Verb.TELL or operation.outcome is Outcome.OK


def once(history: Iterable[Operation]) -> tuple[list[Operation], list[str]]:
    """The history with all operations of one id as one; and what contradicts that they are."""
    kept: list[Operation] = []
    same: defaultdict[str, list[Operation]] = defaultdict(list)
    for operation in history:
        if operation.id and operation.verb is not Verb.QUERY:
            same[operation.id].append(operation)
        else:
            kept.append(operation)
    contradictions: list[str] = []
    for repeats in same.values():
        one, *others = sorted(repeats, key=_worth)
        contradictions += [
            f"one id, two answers: {describe(one)}, and {describe(other)}"
            for other in others
            if _worth(other) == _worth(one) == 0 and (one.outcome, one.result) != (other.outcome, other.result)
        ]
        if others:
            ends = [operation.ended for operation in repeats if _worth(operation) == 0]
            one = replace(one, begun=min(operation.begun for operation in repeats), ended=min(ends, default=one.ended))
        kept.append(one)
    return kept, contradictions


def _worth(operation: Operation) -> int:
    """0 if the answer is known, 1 if it is known that there is one."""
    return 2 if operation.outcome is Outcome.UNKNOWN else int(operation.verb is Verb.TELL)


def _explain(actor: tuple[str, str], ordering: Ordering, of: int) -> list[str]:
    placed, name = len(ordering.order), "/".join(actor)
    how = "was given up" if ordering.found is None else "failed"
    text = [
        f"{name}: the search for an order {how} after {ordering.steps} steps; at best {placed} of {of} operations were placed"
    ]
    text += [f"{name}:   … then {describe(operation)}" for operation in ordering.order[-3:]]
    text.append(f"{name}:   state then {ordering.state!r}; of these one had to be next:")
    text += [f"{name}:   ? {describe(operation)}" for operation in ordering.stuck[:SHOWN]]
    if len(ordering.stuck) > SHOWN:
        text.append(f"{name}:   ? and {len(ordering.stuck) - SHOWN} more")
    return text


def describe(operation: Operation) -> str:
    """One operation in one line: who, what, when (seconds), and what came of it."""
    arguments = ", ".join(f"{name}={value!r}" for name, value in operation.arguments.items())
    what = f"{operation.verb.value} {operation.kind}/{operation.key} {operation.method}({arguments})"
    outcome = operation.outcome.value
    if operation.outcome is Outcome.REFUSED:
        outcome = f"refused: {slug_of(operation)}"
    elif operation.outcome is Outcome.OK and operation.verb is not Verb.TELL:
        outcome = f"{operation.result!r}"
    return f"client {operation.client} {what} [{operation.begun:.6f}, {operation.ended:.6f}] → {outcome}"
