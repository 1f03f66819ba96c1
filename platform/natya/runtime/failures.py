"""Failures that callers were told of lately, so that no earlier attempt of the same message takes effect after them.

A failure is not recorded: a repeat may succeed. Nor is the refusal of a call cycle. And its answer says that nothing changed.
**Failure.** Attempt 1 is held by an owner that hands over; attempt 2 fails at the successor, and its caller is told so; then attempt 1
is sent on and succeeds. So for as long as an attempt may be on its way, one that is older than one that failed gets that one's answer.
A later attempt, or the same message sent by hand or by another request (``Natya-Request``) once more, runs.
"""

from __future__ import annotations

from natya.clock import Clock
from natya.message import Answer, Message

REMEMBERED = 5.0
"""Seconds: longer than a hand-over holds a call and its successor's answer may take."""
LIMIT = 1_000
"""Failures of one partition that are remembered: the oldest go first."""


class Failures:
    """Those of one partition."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: dict[tuple[str, str, str], tuple[int, float, Answer]] = {}

    def __bool__(self) -> bool:
        return bool(self._told)

    def note(self, message: Message, answer: Answer) -> None:
        """The caller of this attempt is told that it failed and changed nothing."""
        now = self._clock.boottime()
        place = (message.token, message.id, message.request)
        self._told.pop(place, None)
        self._told[place] = message.attempt, now + REMEMBERED, answer
        while len(self._told) > LIMIT or self._oldest_ends() <= now:
            del self._told[next(iter(self._told))]

    def after(self, message: Message) -> Answer | None:
        """What was told of a later attempt of this message, if one has failed."""
        attempt, until, answer = self._told.get((message.token, message.id, message.request), (0, 0.0, None))
        return answer if message.attempt < attempt and self._clock.boottime() < until else None

    def _oldest_ends(self) -> float:
        return next(iter(self._told.values()))[1]
