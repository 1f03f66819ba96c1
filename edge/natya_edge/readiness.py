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
        return self._gateway.trouble or ("" if await self._store_answers() else "the store does not answer")

    async def _store_answers(self) -> bool:
        answer, now = self._answer, self._clock.boottime()
        if answer is None or (answer.done() and now - self._asked >= FRESH):
            self._asked = now
            self._answer = answer = asyncio.create_task(self._store.check(), name="store check")
        await asyncio.wait({answer}, timeout=max(0.0, PATIENCE - (now - self._asked)))
        reachable = answer.done() and answer.result().reachable
        if reachable != self._reachable:
            self._reachable = reachable
            if reachable:
                _log.info("the store answers again")
            else:
                _log.warning(
                    "the store is away: %s", answer.result().reason if answer.done() else f"silent for {PATIENCE:g} s"
                )
        return reachable
