"""Whether the process lives, and whether requests should be sent to it."""

from __future__ import annotations

from typing import Final

import orjson
from aiohttp import web

from natya_edge.keys import READINESS
from natya_edge.responses import json_response

PUBLIC: Final = frozenset({"/livez", "/readyz"})
"""Routes that need no token."""


def add_routes(app: web.Application) -> None:
    app.router.add_get("/livez", live)
    app.router.add_get("/readyz", ready)


async def live(request: web.Request) -> web.Response:
    """``GET /livez``: 200 as long as the process answers at all. What is behind it does not matter: a restart mends nothing there."""
    return json_response(b'{"live":true}')


async def ready(request: web.Request) -> web.Response:
    """``GET /readyz``: 200 while calls can be sent, kinds are known and the store answers, else 503 and the reason."""
    trouble = await request.app[READINESS].trouble()
    if trouble:
        return json_response(orjson.dumps({"ready": False, "reason": trouble}), status=503, headers={"Retry-After": "1"})
    return json_response(b'{"ready":true}')
