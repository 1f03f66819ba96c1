"""Figures: how a measure's samples become numbers, and what the budget says of them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self


class BenchError(Exception):
    """Raised when a measure cannot be taken; the message says why. The others go on."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Samples of one quantity: their median, the least and the greatest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> Self:
        return cls(statistics.median(samples), min(samples), max(samples))


class Bound(StrEnum):
    AT_LEAST = "at least"
    AT_MOST = "at most"


@dataclass(frozen=True, slots=True)
class Budget:
    """What is aimed at: of the ratio to the baseline where there is one, else of the figure itself."""

    bound: Bound
    limit: float

    def reached(self, value: float) -> bool:
        return value >= self.limit if self.bound is Bound.AT_LEAST else value <= self.limit


@dataclass(frozen=True, slots=True)
class Measurement:
    """The result of a measure, in ``unit``. ``ratio`` is that of each pair of slices, not of the medians beside it, so what slowed
    both sides of a pair is in neither. ``details`` are further numbers, by names that carry their units."""

    measure: str
    title: str
    unit: str
    figure: Spread
    budget: Budget
    baseline: Spread | None = None
    baseline_title: str = ""
    ratio: Spread | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def reached(self) -> bool:
        return self.budget.reached((self.ratio or self.figure).median)


def compared(
    measure: str,
    title: str,
    unit: str,
    pairs: Sequence[tuple[float, float]],
    budget: Budget,
    *,
    baseline_title: str,
    details: dict[str, Any],
) -> Measurement:
    """The measurement of ``pairs`` of baseline and subject, each pair taken one right after the other."""
    return Measurement(
        measure,
        title,
        unit,
        Spread.of([subject for _, subject in pairs]),
        budget,
        Spread.of([baseline for baseline, _ in pairs]),
        baseline_title,
        Spread.of([subject / baseline for baseline, subject in pairs]),
        details,
    )
