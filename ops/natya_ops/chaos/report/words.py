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


def worst_recovery(figures: Figures) -> float | None:
    """The longest recovery of a fault that was alone; infinite if something never recovered; None without any."""
    if any(row.never for row in figures.recoveries):
        return math.inf
    return max((row.times[-1] for row in figures.recoveries if row.times), default=None)
