"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass, field

EVIDENCE = 20
"""At most this many lines of evidence stand in a verdict; the last one says how many more there are."""


@dataclass(slots=True)
class Verdict:
    """The answer of one check. ``ok`` is None if it could not be decided, which is no yes. ``checked`` is how many things were
    looked at (operations, records, messages: ``summary`` says what), ``evidence`` what contradicts the promise, a line each."""

    name: str
    ok: bool | None
    checked: int
    summary: str
    evidence: list[str] = field(default_factory=list)


def judge(name: str, checked: int, summary: str, evidence: list[str], *, unknown: int = 0) -> Verdict:
    """The verdict: no if there is evidence, undecided if ``unknown`` things could not be looked at, else yes."""
    ok = False if evidence else None if unknown else True
    shown = evidence[:EVIDENCE]
    if len(evidence) > EVIDENCE:
        shown.append(f"… and {len(evidence) - EVIDENCE} more")
    return Verdict(name, ok, checked, summary, shown)
