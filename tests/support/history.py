"""Whether what callers of one counter saw has an order that explains it: linearizability, decided exactly for this kind.

Each increment answers with its place, and each read with the number of increments before it, so the only possible order is
known: increment *n*, then the reads that saw *n*, then increment *n + 1*. It is a correct one if

1. no two increments have the same place;
2. whatever ended before something else began comes before it in that order;
3. nothing is seen before it was begun: a place *n* has at least *n* increments that were begun before it was seen. Those
   that were never answered may fill the gaps, and each at most one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf


@dataclass(frozen=True, slots=True)
class Operation:
    """One call as its caller saw it: ``value`` None if it was never answered. Times are seconds of one clock."""

    begun: float
    ended: float
    value: int | None
    read: bool = False

    @property
    def place(self) -> int:
        """The place in the order: reads stand behind their increment."""
        assert self.value is not None
        return 2 * self.value + self.read


def explain(history: Sequence[Operation]) -> list[str]:
    """What contradicts linearizability; nothing if it is linearizable."""
    seen = [operation for operation in history if operation.value is not None]
    return [*_twice(seen), *_backwards(seen), *_too_early(history, seen)]


def _twice(seen: Sequence[Operation]) -> list[str]:
    places = sorted(operation.place for operation in seen if not operation.read)
    return [f"two increments were answered {a // 2}" for a, b in pairwise(places) if a == b]


def _backwards(seen: Sequence[Operation]) -> list[str]:
    by_end = sorted(seen, key=lambda operation: operation.ended)
    highest: list[int] = []
    for operation in by_end:
        highest.append(max(operation.place, highest[-1] if highest else -1))
    ends = [operation.ended for operation in by_end]
    found = []
    for operation in seen:
        before = bisect_left(ends, operation.begun)
        if before and (
            highest[before - 1] > operation.place or (not operation.read and highest[before - 1] == operation.place)
        ):
            what = "a read" if operation.read else "an increment"
            found.append(f"{what} was answered {operation.value} after {highest[before - 1] // 2} had been seen")
    return found


def _too_early(history: Sequence[Operation], seen: Sequence[Operation]) -> list[str]:
    """Increments that may have been done when a value was seen: those begun before. Each fills one place."""
    found = []
    for operation in seen:
        done = [other for other in history if not other.read and other.begun <= operation.ended]
        filled = sum(1 for other in done if other.value is None or other.value <= (operation.value or 0))
        if filled < (operation.value or 0):
            found.append(f"{operation.value} was seen when at most {filled} increments could have been done")
    return found


def unanswered(begun: float) -> Operation:
    """An increment that may have been done, then or later."""
    return Operation(begun, inf, None)
