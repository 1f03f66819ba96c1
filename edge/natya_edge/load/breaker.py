"""A circuit breaker for a kind that nobody serves.

A call to an actor without an owner is repeated until its time is up, for an owner is mostly back in a fraction of a second. Where a kind
stays away, that only piles up: whoever comes later is then told so at once.

What counts is the single attempt. One that finds nobody, or a node that cannot serve the actor, has failed; an answer of any other kind, a
*no* or an error of the actor's among them, shows that the kind is there; silence shows nothing, for a handler may be slow. The breaker opens
when attempts have done nothing but fail for ``after`` seconds, which must be longer than a dead node's partitions take to be taken over when
it is noticed by its lease alone. While it is open, calls that wait already go on trying, and once a second a new one may join them:
the first that gets through closes it for all.

So a kind of which only some partitions are away keeps its breaker closed: the bulkhead bounds what waits for them.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from natya.errors import Unavailable

PROBE: Final = 1.0
"""Seconds between two new calls that are let through while the breaker is open."""
LEAST: Final = 10
"""Attempts that must have failed: a lone caller who tries now and then proves little."""


class State(Enum):
    """The values are those of the metric."""

    CLOSED = 0
    """Every call goes on."""
    HALF_OPEN = 1
    """Calls are refused, but one was let through, and nothing has come of it yet."""
    OPEN = 2
    """Calls are refused."""


class Breaker:
    """One kind's. ``now`` is a clock in seconds that never goes back."""

    __slots__ = ("_after", "_failures", "_kind", "_last", "_now", "_probe", "_since", "state")

    def __init__(self, kind: str, after: float, now: Callable[[], float]) -> None:
        self.state = State.CLOSED
        self._kind = kind
        self._after = after
        self._now = now
        self._failures = 0
        self._since = self._last = 0.0
        self._probe = 0.0

    def enter(self) -> None:
        """Before a call. Raises `Unavailable` if it should not be tried now."""
        if self.state is State.CLOSED:
            return
        now = self._now()
        if now < self._probe:
            since = now - self._since
            raise Unavailable(
                f"no node has served the kind {self._kind} for {since:.0f} s; it is tried again every second",
                kind=self._kind,
                retry_after=PROBE,
            )
        self._probe = now + PROBE
        self.state = State.HALF_OPEN

    def failed(self) -> None:
        """An attempt has found nobody who serves the actor."""
        now = self._now()
        if not self._failures or now - self._last > self._after:
            self._failures, self._since = 0, now
        self._failures += 1
        self._last = now
        if self.state is State.HALF_OPEN:
            self.state = State.OPEN
        elif self.state is State.CLOSED and self._failures >= LEAST and now - self._since >= self._after:
            self.state = State.OPEN
            self._probe = now + PROBE

    def answered(self) -> None:
        """An actor of the kind has answered."""
        if self._failures:
            self._failures = 0
            self.state = State.CLOSED
