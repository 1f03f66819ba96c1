"""One direction of one connection: what goes in comes out in the same order, now or later."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from natya.clock import Clock


class Pipe:
    """Carries callbacks. ``later(seconds, callback)`` runs one after that time, in a round of the loop of its own."""

    def __init__(self, clock: Clock, later: Callable[[float, Callable[[], None]], None]) -> None:
        self._clock = clock
        self._later = later
        self._in_flight: deque[Callable[[], object]] = deque()
        self._due = 0.0
        self._life = 0

    @property
    def empty(self) -> bool:
        return not self._in_flight

    def send(self, delay: float, arrive: Callable[[], object]) -> None:
        """Let ``arrive`` be called after ``delay`` seconds, and not before what is under way."""
        now = self._clock.boottime()
        self._due = max(self._due, now + delay)
        self._in_flight.append(arrive)
        life = self._life
        self._later(self._due - now, lambda: self._deliver(life))

    def cut(self) -> None:
        """Lose everything that is under way."""
        self._in_flight.clear()
        self._life += 1
        self._due = 0.0

    def _deliver(self, life: int) -> None:
        if life == self._life:
            self._in_flight.popleft()()
