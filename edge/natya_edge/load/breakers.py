"""The breakers of all kinds, and calls that go through them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import web

from natya.errors import Unavailable
from natya.message import Answer
from natya_edge.load.breaker import Breaker, State


class Breakers:
    """By kind. ``after`` is that of each `Breaker`, ``now`` a clock in seconds that never goes back."""

    def __init__(self, after: float, now: Callable[[], float]) -> None:
        self.refused = 0
        self._after = after
        self._now = now
        self._breakers: dict[str, Breaker] = {}

    def enter(self, kind: str) -> Breaker:
        """Before a call to this kind, which is deployed. Raises `Unavailable` if it should not be tried now."""
        breaker = self._breakers.get(kind)
        if breaker is None:
            breaker = self._breakers[kind] = Breaker(kind, self._after, self._now)
        try:
            breaker.enter()
        except Unavailable:
            self.refused += 1
            raise
        return breaker

    @property
    def states(self) -> Mapping[str, State]:
        return {kind: breaker.state for kind, breaker in self._breakers.items()}


def shows_service(answer: Answer) -> bool:
    """Whether an answer can only come from where the kind is served. *Overloaded* can; *unavailable* tells the contrary, and a deadline
    that has passed may do so."""
    return answer.code not in (503, 504) or answer.slug == "overloaded"


BREAKERS: Final = web.AppKey("breakers", Breakers)
