"""The verdict in words: a headline, what it means, and the numbers that stand behind it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from natya_ops.chaos.report.figures import Figures
from natya_ops.chaos.report.style import duration, plural
from natya_ops.chaos.run import Result


@dataclass(frozen=True, slots=True)
class Story:
    """``verdict`` is a few words, ``sentence`` says what they mean, ``numbers`` what happened."""

    held: bool | None
    verdict: str
    sentence: str
    numbers: str


def tell(result: Result, figures: Figures) -> Story:
    """The story of a run."""
    wrong = [verdict.name for verdict in result.verdicts if verdict.ok is False]
    open_ones = [verdict.name for verdict in result.verdicts if verdict.ok is None]
    if result.held:
        verdict = "Held"
        sentence = (
            f"Everything that was promised and looked at was kept: {plural(len(result.verdicts), 'check')}, no violation."
        )
    elif result.held is False:
        verdict = "Violated"
        sentence = f"A promise was broken: {', '.join(wrong)}. The evidence is below."
    else:
        verdict = "Not proven"
        sentence = f"No violation was found, but that means little: {', '.join(open_ones) or 'nothing was checked'}."
    return Story(result.held, verdict, sentence, _numbers(result, figures))


def _numbers(result: Result, figures: Figures) -> str:
    slowest = max(figures.slowest, default=0.0)
    parts = [
        plural(figures.operations, "operation"),
        plural(len(result.seen), "strike"),
        f"{result.unloaded:.0f} s under load",
        f"{plural(figures.unanswered, 'operation')} failed or unknown",
    ]
    if slowest:
        parts.append(f"slowest answer {duration(slowest)}")
    return "  ·  ".join(parts)


@dataclass(frozen=True, slots=True)
class Longest:
    """The longest recovery of some strikes: ``seconds``, infinite if something never recovered, None without any; how many ``strikes``
    that is of, and how many of them took longer than is aimed at, or never recovered."""

    seconds: float | None
    strikes: int
    late: int


def longest_recovery(figures: Figures, *, alone: bool) -> Longest:
    """Of the strikes that were alone, or of all. What never recovered counts in both, whatever else was broken."""
    found: list[tuple[float, float | None]] = []
    for row in figures.recoveries:
        times = row.times if alone else (*row.times, *row.mixed)
        found += [(seconds, row.aim) for seconds in (*times, *[math.inf] * row.never)]
    late = sum(over(seconds, aim) for seconds, aim in found)
    return Longest(max((seconds for seconds, _ in found), default=None), len(found), late)


def over(seconds: float | None, aim: float | None) -> bool:
    """Whether it took longer than is aimed at. What never came did, whatever the aim."""
    return seconds is not None and (math.isinf(seconds) or (aim is not None and seconds > aim))


def untold(result: Result) -> str | None:
    """What the recoveries say nothing of: owners that are lost sight of for longer than their lease, if there were none."""
    lease = result.place["lease_ttl"]
    lasted = [seen.strike.healed - seen.strike.begun for seen in result.seen if seen.strike.fault in ("stop", "partition")]
    if any(seconds > lease for seconds in lasted):
        return None
    return f"No stop or cut lasted longer than the lease of {lease:g} s: nothing was shown of how a lease is taken over."
