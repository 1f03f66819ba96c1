"""Whether requests should be sent to this edge: the platform and the store are there, and it is not about to end."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from natya.clock import Clock
from natya.ports.store import StoreReport
from natya_edge.gateway import Gateway
from natya_edge.store import Store

FRESH: Final = 1.0
"""Seconds for which the store is not asked again, however often anybody asks us: that takes no token."""
PATIENCE: Final = 1.0
"""Seconds until a store that is silent counts as away."""

_log = logging.getLogger("natya.edge")


class Readiness:
    """Asks the store when it is asked itself, at most once at a time. Without the store nobody can log in, and lists fail; commands
    and queries go on, also on an edge that says it is not ready."""

    def __init__(self, gateway: Gateway, store: Store, clock: Clock) -> None:
        self._gateway = gateway
        self._store = store
        self._clock = clock
        self._asked = 0.0
        self._answer: asyncio.Task[StoreReport] | None = None
        self._reachable = True

    async def trouble(self) -> str:
        """Why requests should go elsewhere; empty if they need not. It names nothing that is behind the edge, for strangers read it."""
        if trouble := self._gateway.trouble:
            return trouble
        answer = self._ask()
        await asyncio.wait({answer}, timeout=max(0.0, PATIENCE - self._waited()))
        return "" if self._judge(answer, late=True) else "the store does not answer"

    def glance(self) -> bool:
        """Whether there is none, at once: by what the store said last. It is asked anew meanwhile."""
        if self._answer is not None:
            self._judge(self._answer, late=self._waited() >= PATIENCE)
        self._ask()
        return not self._gateway.trouble and self._reachable

    def _ask(self) -> asyncio.Task[StoreReport]:
        """The question under way, or a new one if the last answer is old."""
        if self._answer is None or (self._answer.done() and self._waited() >= FRESH):
            self._asked = self._clock.boottime()
            self._answer = asyncio.create_task(self._store.check(), name="store check")
        return self._answer

    def _waited(self) -> float:
        return self._clock.boottime() - self._asked

    def _judge(self, answer: asyncio.Task[StoreReport], *, late: bool) -> bool:
        """Whether the store is there; without an answer it is until that is ``late``."""
        if not answer.done() and not late:
            return self._reachable
        report = answer.result() if answer.done() else StoreReport(False, f"silent for {PATIENCE:g} s")
        if report.reachable and not self._reachable:
            _log.info("the store answers again")
        elif self._reachable and not report.reachable:
            _log.warning("the store is away: %s", report.reason)
        self._reachable = report.reachable
        return report.reachable
