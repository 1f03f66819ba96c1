"""After the last heal everything answers."""

from __future__ import annotations

from math import isinf

from natya_ops.chaos.checks.evidence import Evidence
from natya_ops.chaos.checks.verdict import Verdict, judge
from natya_ops.chaos.linearizability import describe
from natya_ops.chaos.record import Outcome


def check_answers(evidence: Evidence) -> Verdict:
    """Every strike was healed and recovered from; every probe, which must have begun after the last heal, was answered."""
    found = []
    for strike in evidence.strikes:
        name = f"{strike.fault} {strike.target}".strip()
        if isinf(strike.healed):
            found.append(f"{name} at {strike.begun:.3f} s was never healed")
        elif isinf(strike.recovered):
            found.append(f"after {name} at {strike.begun:.3f} s not everything answered again")
    last = max((strike.healed for strike in evidence.strikes if not isinf(strike.healed)), default=0.0)
    found += [
        f"{describe(probe)}, after {probe.attempts} attempts: {probe.error}"
        for probe in evidence.probes
        if probe.outcome is not Outcome.OK
    ]
    late = [probe for probe in evidence.probes if probe.begun >= last]
    if not late:
        return judge("answers", 0, "nobody was asked after the last heal", found, unknown=1)
    slowest = max(probe.ended - probe.begun for probe in late)
    answered = sum(probe.outcome is Outcome.OK for probe in late)
    summary = f"{answered:,} of {len(late):,} probes after the last heal were answered"
    summary += "" if isinf(slowest) else f", the slowest in {slowest:.3f} s"
    return judge("answers", len(late), summary, found)
