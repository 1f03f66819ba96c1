"""What every response carries, whatever has made it. It is added as a response begins to leave, so that streams have it, too."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from natya_edge.guard.cors import Cors
from natya_edge.guard.rates import RATE
from natya_edge.guard.settings import GuardSettings
from natya_edge.keys import REQUEST_ID

_NAME: Final = "natya"
"""Instead of the names and versions of what the edge is made of."""


def security_headers(settings: GuardSettings) -> dict[str, str]:
    """The defaults: a response that has one of these already keeps its own. A page for people needs its own content policy."""
    found = {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    if settings.hsts:
        found["Strict-Transport-Security"] = f"max-age={settings.hsts}; includeSubDomains"
    return found


def plain_headers(settings: GuardSettings) -> dict[str, str]:
    """Those of a response that is made where there is no application to dress it."""
    return {**security_headers(settings), "Server": _NAME}


class Dress:
    """Dresses responses: a handler of `Application.on_response_prepare`. 2 µs."""

    def __init__(self, settings: GuardSettings, cors: Cors | None) -> None:
        self._defaults = tuple(security_headers(settings).items())
        self._cors = cors

    async def __call__(self, request: web.Request, response: web.StreamResponse) -> None:
        headers = response.headers
        headers["Server"] = _NAME
        for name, value in self._defaults:
            headers.setdefault(name, value)
        id = request.get(REQUEST_ID)
        if id is not None:
            headers["X-Request-Id"] = id
        rate = request.get(RATE)
        if rate is not None:
            headers["RateLimit-Policy"], headers["RateLimit"] = rate
        if self._cors is not None:
            self._cors.allow(request.headers, headers)
