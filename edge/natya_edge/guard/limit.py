"""One rate limit with a name: the algorithm, the header fields that tell of it, and what other edges must still hear of."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from math import ceil
from typing import Final

from natya_edge.errors import RateLimited
from natya_edge.guard.gcra import Gcra, Verdict

MOST_REPORTED: Final = 1_000
"""Keys in one report: about 100 KB at most."""
_UNTOLD: Final = 8
"""A report names a key when an eighth of its burst has been used since the last one."""


class Limit:
    """Header fields are those of draft-ietf-httpapi-ratelimit-headers-10: ``q`` and ``w`` say that a burst is there again after a
    window, ``r`` how much of it is left, ``t`` the seconds until all of it is."""

    __slots__ = ("_gcra", "_says", "_size", "_threshold", "_untold", "name", "policy")

    def __init__(self, name: str, says: str, rate: float, burst: int, *, size: int, now: Callable[[], float]) -> None:
        self.name = name
        self.policy = f'"{name}";q={burst};w={ceil(burst / rate)}'
        self._says = says
        self._gcra = Gcra(rate, burst, size=size, now=now)
        self._threshold = max(1, burst // _UNTOLD)
        self._size = size
        self._untold: OrderedDict[str, int] = OrderedDict()

    def take(self, key: str) -> Verdict:
        """Let one request through. Raises `RateLimited`."""
        verdict = self._gcra.take(key)
        if verdict.wait:
            raise self.refusal(verdict)
        self._owe(key, 1)
        return verdict

    def check(self, key: str) -> None:
        """Raise `RateLimited` if `take` would, taking nothing."""
        verdict = self.look(key)
        if verdict.wait:
            raise self.refusal(verdict)

    def look(self, key: str) -> Verdict:
        """What `take` would decide, taking nothing."""
        return self._gcra.look(key)

    def count(self, key: str) -> None:
        """Use one, whatever is left."""
        self._gcra.debit(key, 1)
        self._owe(key, 1)

    def refusal(self, verdict: Verdict) -> RateLimited:
        return RateLimited(
            self._says, limit=self.name, policy=self.policy, state=self.state(verdict), retry_after=verdict.wait
        )

    def state(self, verdict: Verdict) -> str:
        """The value of the field `RateLimit`."""
        return f'"{self.name}";r={verdict.remaining};t={ceil(verdict.reset)}'

    def report(self) -> dict[str, int]:
        """What the other edges should hear of now: key → used since they last heard. It counts as told.

        Keys that use little are not worth a message: they stay, and are told when there is more of them.
        """
        told = {key: used for key, used in self._untold.items() if used >= self._threshold}
        if len(told) > MOST_REPORTED:
            told = dict(sorted(told.items(), key=lambda item: -item[1])[:MOST_REPORTED])
        for key in told:
            del self._untold[key]
        return told

    def untell(self, told: Mapping[str, int]) -> None:
        """A report could not be sent: tell it with the next one."""
        for key, used in told.items():
            self._owe(key, used)

    def heard(self, used: Mapping[str, int]) -> None:
        """Another edge has let these through."""
        for key, amount in used.items():
            self._gcra.debit(key, amount)

    def _owe(self, key: str, used: int) -> None:
        untold = self._untold
        untold[key] = untold.get(key, 0) + used
        if len(untold) > self._size:
            untold.popitem(last=False)
