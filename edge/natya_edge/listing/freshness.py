"""How old a list may be: up to when every turn of a kind is in the store, as the owners of its partitions say."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Final

from natya.clock import Clock
from natya.errors import NatyaError
from natya_edge.gateway import Calls

AS_OF: Final = "Natya-As-Of"
FRESH: Final = 1.0
"""Seconds for which the owners of a kind are not asked again, however many lists are read."""
PATIENCE: Final = 0.25
"""Seconds for which a list waits for them."""

_log = logging.getLogger("natya.edge")


class Freshness:
    """Remembers what the owners of each kind said last. A kind whose name was checked asks at most once at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asked: dict[str, tuple[float, asyncio.Task[int | None]]] = {}

    async def headers(self, calls: Calls, kind: str) -> dict[str, str]:
        """What a list that is read from now on says of its age: nothing where an owner is away, for then it cannot be known."""
        at = await self._written(calls, kind)
        if at is None:
            return {}
        moment = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
        return {AS_OF: moment.replace("+00:00", "Z")}

    async def _written(self, calls: Calls, kind: str) -> int | None:
        now = self._clock.boottime()
        asked, answer = self._asked.get(kind, (0.0, None))
        if answer is None or (answer.done() and now - asked >= FRESH):
            asked, answer = now, asyncio.create_task(_ask(calls, kind), name=f"freshness of {kind}")
            self._asked[kind] = asked, answer
        await asyncio.wait({answer}, timeout=max(0.0, PATIENCE - (now - asked)))
        return answer.result() if answer.done() else None


async def _ask(calls: Calls, kind: str) -> int | None:
    try:
        return await calls.written(kind)
    except NatyaError:
        return None
    except Exception:  # noqa: BLE001 - a list is none the worse for an answer that makes no sense
        _log.exception("how old lists of %s are cannot be told", kind)
        return None
