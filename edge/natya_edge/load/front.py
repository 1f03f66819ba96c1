"""The first that a request meets: it is counted in, or refused because the edge has all it can do.

Whoever is refused must cost next to nothing, or refusing would be the load that brings the edge down. So this stands in front of the
application: no route is looked for, no token and no body is read, and the response was made before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, cast

from aiohttp import web

from natya.clock import Ids
from natya.errors import Overloaded
from natya_edge.gateway import Gateway
from natya_edge.guard.response_headers import plain_headers
from natya_edge.load.plain import is_plain, token_of
from natya_edge.load.refusal import Refusal
from natya_edge.load.room import ENDLESS
from natya_edge.metrics import EdgeMetrics
from natya_edge.routes.health import PUBLIC as HEALTH
from natya_edge.settings import EdgeSettings

_UNCOUNTED: Final = HEALTH | ENDLESS
"""Whether an edge lives must be told however much it has to do."""

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Front:
    """Counts what is under way in an edge, at most `EdgeSettings.request_limit`, and what came with one token, at most
    `EdgeSettings.principal_limit`. Whose token it is, or whether it is one, is not looked at: mostly a principal has but one, and `room`
    counts principals exactly."""

    def __init__(self, settings: EdgeSettings, gateway: Gateway, ids: Ids, metrics: EdgeMetrics) -> None:
        self.under_way = 0
        self.refused = 0
        self._limit = settings.request_limit
        self._limit_each = settings.principal_limit
        self._of_token: dict[str, int] = {}
        self._crowded = 0
        self._gateway = gateway
        self._metrics = metrics
        error = Overloaded(
            f"{self._limit} requests are under way at this edge, or {self._limit_each} of yours: more are not taken",
            retry_after=1,
        )
        headers = plain_headers(settings)
        self._refusal = Refusal(error, headers, ids, close=False)
        self._farewell = Refusal(error, headers, ids, close=True)

    def before(self, handle: Handle) -> Handle:
        """``handle`` behind it."""

        async def guarded(request: web.BaseRequest) -> web.StreamResponse:
            if request.rel_url.raw_path in _UNCOUNTED:
                return await handle(request)
            token = request.headers.get("Authorization", "")
            there = self._of_token.get(token, 0)
            if self.under_way >= self._limit or there >= self._limit_each:
                self.refused += 1
                return self._refusal if request.keep_alive and not self._gateway.draining else self._farewell
            self._of_token[token] = there + 1
            self._crowded += there + 1 == self._limit_each
            self.under_way += 1
            began = self._metrics.now()
            try:
                response = await handle(request)
            finally:
                self.under_way -= 1
                self._crowded -= self._of_token[token] == self._limit_each
                if left := self._of_token[token] - 1:
                    self._of_token[token] = left
                else:
                    del self._of_token[token]
            self._metrics.ended(cast(web.Request, request), response, began)
            return response

        return guarded

    def turn_away(self, data: bytes) -> bytes:
        """The refusal of a request that has just come, all of it in ``data``, if it must be refused; else nothing, and it takes the usual
        way, as does whatever is not as plain as can be. This spares what it takes to read a request and to begin with it."""
        full = self.under_way >= self._limit
        if not (full or self._crowded) or self._gateway.draining or not is_plain(data):
            return b""
        if not full and self._of_token.get(token_of(data), 0) < self._limit_each:
            return b""
        self.refused += 1
        return self._refusal.render()


FRONT: Final = web.AppKey("front", Front)
