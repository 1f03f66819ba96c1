"""Enough happened for the other verdicts to mean something."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from math import isinf

from natya_ops.chaos.checks.evidence import Evidence
from natya_ops.chaos.checks.verdict import Verdict, judge
from natya_ops.chaos.record import Operation, Outcome, Strike


def check_enough(evidence: Evidence) -> Verdict:
    """Compare with `Minimum`. A strike counts if some operation was under way between its beginning and its heal."""
    minimum, operations = evidence.minimum, evidence.operations
    found: list[str] = []
    if len(operations) < minimum.operations:
        found.append(f"{len(operations):,} operations, at least {minimum.operations:,} are needed")
    ways = Counter((operation.verb, operation.via) for operation in operations)
    for verb, via in sorted(minimum.ways, key=lambda way: (way[0].value, way[1])):
        if ways[verb, via] < minimum.each:
            found.append(f"{ways[verb, via]} operations {verb.value} through {via}, at least {minimum.each} are needed")
    busy = _under_load(evidence.strikes, operations)
    found += [
        f"{fault} struck {busy[fault]} times under load, at least {minimum.strikes} is needed"
        for fault in sorted(evidence.faults)
        if busy[fault] < minimum.strikes
    ]
    answered = sum(operation.outcome in (Outcome.OK, Outcome.REFUSED) for operation in operations)
    share = answered / max(1, len(operations))
    if share < minimum.answered:
        found.append(f"{share:.0%} of the operations were answered, at least {minimum.answered:.0%} are needed")
    summary = f"{len(operations):,} operations in {evidence.seconds:.0f} s, {share:.1%} answered, {busy.total()} strikes under load"
    if found:
        summary = f"not meaningful: {summary}"
    return judge("enough", len(operations), summary, found)


def _under_load(strikes: Sequence[Strike], operations: Sequence[Operation]) -> Counter[str]:
    """How often each fault struck while an operation was under way; of one without an end only the beginning counts."""
    ordered = sorted(operations, key=lambda operation: operation.begun)
    begun = [operation.begun for operation in ordered]
    ends = (operation.begun if isinf(operation.ended) else operation.ended for operation in ordered)
    latest = list(accumulate(ends, max))
    busy: Counter[str] = Counter()
    for strike in strikes:
        before = bisect_right(begun, strike.healed)
        if before and latest[before - 1] >= strike.begun:
            busy[strike.fault] += 1
    return busy
