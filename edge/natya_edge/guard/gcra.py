"""The generic cell rate algorithm (ITU-T I.371): a leaky bucket that is one number for each key.

That number is the *theoretical arrival time*: when the bucket will be empty. Each request moves it on by one interval, and is
refused if it would then be more than a burst of intervals ahead. Unlike a counter for each window it has no edge at which twice
the rate gets through, and what is refused uses nothing.

What other edges have let through is debited: that never fails, and may leave the bucket more than full, so that it is paid back before
anything else gets through. Why this is not one of the libraries is in docs/decisions/0017.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

_ROUNDING: Final = 1e-6
"""Seconds: ten thousand intervals, added up as floats, may be that far from what they should be."""
_LOOKED_AT: Final = 8
"""Entries of a full table that are looked at before one of them has to go."""


class Verdict(NamedTuple):
    """``wait``: 0 if the request was let through, else seconds until it would be. ``remaining``: how many more would be now.
    ``reset``: seconds until all of the burst is there again."""

    wait: float
    remaining: int
    reset: float


class Gcra:
    """At most ``rate`` a second and ``burst`` at once, for each key. ``now`` gives monotonic seconds.

    At most ``size`` keys are remembered (about 180 bytes each). When the table is full, keys whose bucket is empty go first, which
    forgets nothing; only if all are in use is somebody's debt forgotten. A request takes 0.8 µs.
    """

    __slots__ = ("_empty_at", "_interval", "_now", "_size", "_tolerance")

    def __init__(self, rate: float, burst: int, *, size: int, now: Callable[[], float]) -> None:
        self._interval = 1 / rate
        self._tolerance = burst * self._interval + _ROUNDING
        self._size = size
        self._now = now
        self._empty_at: OrderedDict[str, float] = OrderedDict()

    def take(self, key: str) -> Verdict:
        """Let one request through, or not."""
        now = self._now()
        old = self._empty_at.get(key, now)
        if old < now:
            old = now
        new = old + self._interval
        wait = new - now - self._tolerance
        if wait > 0:
            return Verdict(wait, 0, old - now)
        self._keep(key, new, now)
        return Verdict(0.0, int(-wait / self._interval), new - now)

    def debit(self, key: str, amount: int) -> None:
        """Count what was let through elsewhere, whatever is left."""
        now = self._now()
        self._keep(key, max(self._empty_at.get(key, now), now) + amount * self._interval, now)

    def look(self, key: str) -> Verdict:
        """What `take` would say, taking nothing."""
        now = self._now()
        ahead = max(0.0, self._empty_at.get(key, now) - now)
        wait = ahead + self._interval - self._tolerance
        return Verdict(max(0.0, wait), max(0, int((self._tolerance - ahead) / self._interval)), ahead)

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._empty_at)

    def _keep(self, key: str, empty_at: float, now: float) -> None:
        table = self._empty_at
        table[key] = empty_at
        if len(table) > self._size:
            for _ in range(_LOOKED_AT):
                if table[next(iter(table))] <= now:
                    break
                table.move_to_end(next(iter(table)))  # in use
            table.popitem(last=False)
