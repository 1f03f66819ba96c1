"""The rate limits of one edge."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from natya.errors import Unauthenticated
from natya_edge.guard.addresses import LOCAL
from natya_edge.guard.gcra import Verdict
from natya_edge.guard.limit import Limit
from natya_edge.guard.settings import GuardSettings

PRINCIPAL: Final = "principal"
OPERATOR: Final = "operator"
ADDRESS: Final = "address"
FAILURE: Final = "failure"

_SAYS: Final = {
    PRINCIPAL: "you have sent more requests than one principal may",
    OPERATOR: "you have sent more requests than one operator may",
    ADDRESS: "more requests have come from this address than from one address may",
    FAILURE: "too many authentications from this address have failed",
}


class Limits:
    """Each limit that the settings do not turn off. What comes from this machine itself has no address worth counting."""

    def __init__(self, settings: GuardSettings, now: Callable[[], float]) -> None:
        self.shared: Mapping[str, Limit] = {
            name: Limit(name, _SAYS[name], rate, burst, size=settings.limit_entries, now=now)
            for name, rate, burst in (
                (PRINCIPAL, settings.principal_rate, settings.principal_burst),
                (OPERATOR, settings.operator_rate, settings.operator_burst),
                (ADDRESS, settings.address_rate, settings.address_burst),
                (FAILURE, settings.failure_rate, settings.failure_burst),
            )
            if rate
        }
        self._principal = self.shared.get(PRINCIPAL)
        self._operator = self.shared.get(OPERATOR)
        self._address = self.shared.get(ADDRESS)
        self._failure = self.shared.get(FAILURE)

    def take_principal(self, subject: str, *, operator: bool) -> tuple[Limit, Verdict] | None:
        """Count a request of a principal. Raises `RateLimited`."""
        limit = self._operator if operator else self._principal
        return None if limit is None else (limit, limit.take(subject))

    def take_address(self, address: str) -> tuple[Limit, Verdict] | None:
        """Count a request from an address. Raises `RateLimited`."""
        return None if self._address is None or address == LOCAL else (self._address, self._address.take(address))

    @contextmanager
    def attempt(self, address: str) -> Iterator[None]:
        """Around a check of credentials: not even begun for an address from which too many have failed (`RateLimited`), and
        counted when it fails (`Unauthenticated`)."""
        if self._failure is None or address == LOCAL:
            yield
            return
        self._failure.check(address)
        try:
            yield
        except Unauthenticated:
            self._failure.count(address)
            raise
