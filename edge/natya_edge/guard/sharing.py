"""One rate limit over several edges.

Asking a common counter at every request would cost a round trip each, and nobody could be let in while it is away. So each edge decides by
itself, and a few times a second it tells the others, over core NATS, what it has let through; they debit it from their own
buckets, even if that leaves a bucket more than full.

How wrong that can be: an edge knows all but what the others have let through in the last ``D`` seconds (the interval plus the
delivery) and what they have not found worth telling yet (an eighth of a burst). Neither grows with time, for what becomes known
later is paid back. With ``N`` edges, a rate ``r`` and a burst ``b``, in any ``T`` seconds at most

    b + r T  +  (N - 1) (b + r D + b/8)

requests of one principal get through: the long-run rate is ``r``, however many edges there are. While an edge has no NATS, or a
message is lost (core NATS promises nothing), that edge counts for itself alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any, Final

import orjson

from natya.message import Delivery
from natya.ports.bus import Bus, Disconnected
from natya_edge.guard.limit import Limit

SUBJECT: Final = "edge.used"
"""Below the namespace."""

_log = logging.getLogger("natya.edge")


class Sharing:
    """One edge's part: ``name`` is this edge's, unlike any other's."""

    def __init__(self, limits: Mapping[str, Limit], bus: Bus, namespace: str, name: str, interval: float) -> None:
        self._limits = limits
        self._bus = bus
        self._subject = f"{namespace}.{SUBJECT}"
        self._name = name
        self._interval = interval

    async def run(self) -> None:
        """Tell and listen until cancelled."""
        listening = False
        while True:
            if not listening:
                with contextlib.suppress(Disconnected):  # then the next time
                    await self._bus.subscribe(self._subject, self.hear)  # until the connection is closed
                    listening = True
            await asyncio.sleep(self._interval)
            self.tell()

    def tell(self) -> None:
        """Tell the others what was let through since the last time, if it is worth a message."""
        used = {name: told for name, limit in self._limits.items() if (told := limit.report())}
        if not used:
            return
        try:
            self._bus.publish(self._subject, orjson.dumps({"edge": self._name, "used": used}))
        except Disconnected:
            for name, told in used.items():
                self._limits[name].untell(told)

    def hear(self, delivery: Delivery) -> None:
        """Debit what another edge has let through."""
        try:
            edge, used = _read(delivery.data)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            _log.warning("a message on %s that no edge has sent: %s", delivery.subject, error)
            return
        if edge == self._name:
            return
        for name, told in used.items():
            if name in self._limits:
                self._limits[name].heard(told)


def _read(data: bytes) -> tuple[str, dict[str, dict[str, int]]]:
    document: dict[str, Any] = orjson.loads(data)
    used: dict[str, dict[str, int]] = document["used"]
    for told in used.values():
        for amount in told.values():
            if type(amount) is not int or not 0 < amount < 1 << 31:
                raise ValueError(f"{amount!r} is no number of requests")
    return document["edge"], used
