"""A bound on what one of many may have under way, so that there is room left for the others."""

from __future__ import annotations

from natya.errors import Overloaded

RETRY_AFTER = 1.0


class Bulkhead:
    """``what`` each name stands for, of which ``limit`` requests may be under way. Only names that have some take memory."""

    __slots__ = ("_limit", "_under_way", "_what", "refused")

    def __init__(self, what: str, limit: int) -> None:
        self.refused = 0
        self._what = what
        self._limit = limit
        self._under_way: dict[str, int] = {}

    def enter(self, name: str) -> None:
        """Count one in. Raises `Overloaded`."""
        there = self._under_way.get(name, 0)
        if there >= self._limit:
            self.refused += 1
            raise Overloaded(
                f"{self._limit} requests of the {self._what} {name} are under way at this edge: more are not taken",
                limit=self._limit,
                retry_after=RETRY_AFTER,
            )
        self._under_way[name] = there + 1

    def leave(self, name: str) -> None:
        """Count one out that was counted in."""
        left = self._under_way[name] - 1
        if left:
            self._under_way[name] = left
        else:
            del self._under_way[name]

    def __len__(self) -> int:
        """How many names have something under way."""
        return len(self._under_way)
