"""What is deployed, described for people and programs: `GET /openapi.json`."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from natya_edge.conditional import conditional
from natya_edge.keys import DOCUMENTS, GATEWAY, SETTINGS

PUBLIC: Final = frozenset({"/openapi.json"})
"""Routes that need no token."""


def add_routes(app: web.Application) -> None:
    if app[SETTINGS].docs:
        app.router.add_get("/openapi.json", openapi)


async def openapi(request: web.Request) -> web.Response:
    """``GET /openapi.json``: the OpenAPI document; 304 if the client has it."""
    document = request.app[DOCUMENTS].of(request.app[GATEWAY].kinds)
    return conditional(request, document.body, document.tag, cache="no-cache")
