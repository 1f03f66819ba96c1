"""Guessing at one user's password, however many addresses it comes from: after some wrong ones in a row the next must wait.

Names that are not there are counted like others. Each edge counts for itself, so with three edges there are three times as many
guesses: still hopeless against a password of twelve characters. Whoever keeps guessing takes the user's own tries, too, at that
edge: for as long as it goes on a right password may have to wait its turn, one try in `EVERY` seconds.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from natya.clock import Clock
from natya.errors import Retryable

BURST: Final = 10
EVERY: Final = 30.0
"""Seconds after which one more wrong password is allowed."""
REMEMBERED: Final = 10_000
"""Names, those tried last."""


class TooManyAttempts(Retryable):
    """Raised when too many wrong passwords were given for one user name: nothing was checked."""

    code = 429
    slug = "too_many_attempts"


class Attempts:
    """How much each name has used of its allowance: a time that each attempt puts forward by `EVERY` and that may be at most
    `BURST` steps ahead."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: OrderedDict[str, float] = OrderedDict()

    def spend(self, name: str) -> None:
        """One attempt begins. Raises `TooManyAttempts`."""
        now = self._clock.boottime()
        used = max(now, self._until.get(name, now)) + EVERY
        if used > now + BURST * EVERY:
            wait = used - now - BURST * EVERY
            raise TooManyAttempts("too many wrong passwords for this user: wait before the next try", retry_after=wait)
        self._until[name] = used
        self._until.move_to_end(name)
        if len(self._until) > REMEMBERED:
            self._until.popitem(last=False)

    def forgive(self, name: str) -> None:
        """The password was right."""
        self._until.pop(name, None)
