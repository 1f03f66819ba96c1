"""Real time, and more of it at once."""

from __future__ import annotations

from natya.clock import SystemClock


class ShiftedClock(SystemClock):
    """The machine's clock, which a test may put forward."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.ahead_ms
