"""Cross-origin requests: which pages may call the edge from a browser (the CORS protocol of the Fetch standard).

An origin is allowed if it is exactly one of those in the settings. There are no patterns, no `*`, and `null`, which any sandboxed
frame can have, is never one. Credentials that a browser adds by itself mean nothing here, so they are not allowed either.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler
from multidict import CIMultiDict, CIMultiDictProxy

from natya_edge.errors import OriginRefused
from natya_edge.guard.settings import GuardSettings

_REQUEST_HEADERS: Final = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Prefer, traceparent, tracestate,"
    " X-Request-Id"
)
_EXPOSED: Final = (
    "Deprecation, ETag, Link, Location, Natya-As-Of, Natya-Kind-Version, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After,"
    " Sunset, X-Request-Id"
)
_PREFLIGHT_VARY: Final = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"


class Cors:
    """The origins that are allowed."""

    def __init__(self, settings: GuardSettings) -> None:
        self._origins = frozenset(settings.origins)
        self._max_age = str(settings.cors_max_age)

    def allow(self, request: CIMultiDictProxy[str], response: CIMultiDict[str]) -> None:
        """Add what lets the page that asked read the response. Every response says that it depends on who asked."""
        vary = response.get("Vary")
        if vary is None:
            response["Vary"] = "Origin"
        elif "Origin" not in vary:
            response["Vary"] = f"{vary}, Origin"
        origin = request.get("Origin")
        if origin in self._origins:
            response["Access-Control-Allow-Origin"] = origin
            response["Access-Control-Expose-Headers"] = _EXPOSED

    def preflight(self, origin: str, methods: set[str]) -> web.Response:
        """The answer to a browser that asks first. Raises `OriginRefused`."""
        if origin not in self._origins:
            raise OriginRefused(f"pages of the origin {origin!r} may not call this edge")
        return web.Response(
            status=204,
            headers={
                "Access-Control-Allow-Methods": ", ".join(sorted(methods)),
                "Access-Control-Allow-Headers": _REQUEST_HEADERS,
                "Access-Control-Max-Age": self._max_age,
                "Vary": _PREFLIGHT_VARY,
            },
        )


CORS: Final = web.AppKey("cors", Cors)


@web.middleware
async def answer_preflights(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Before authentication: a browser sends no token with a preflight. Installed if any origin is allowed."""
    refused = request.match_info.http_exception
    if (
        request.method == "OPTIONS"
        and isinstance(refused, web.HTTPMethodNotAllowed)
        and "Access-Control-Request-Method" in request.headers
        and "Origin" in request.headers
    ):
        return request.app[CORS].preflight(request.headers["Origin"], refused.allowed_methods)
    return await handler(request)
