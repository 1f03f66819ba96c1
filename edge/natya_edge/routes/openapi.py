"""What is deployed, described for people and programs: `GET /openapi.json`."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from natya_edge.keys import DOCUMENTS, GATEWAY, SETTINGS
from natya_edge.responses import json_response

PUBLIC: Final = frozenset({"/openapi.json"})
"""Routes that need no token."""


def add_routes(app: web.Application) -> None:
    if app[SETTINGS].docs:
        app.router.add_get("/openapi.json", openapi)


async def openapi(request: web.Request) -> web.Response:
    """``GET /openapi.json``: the OpenAPI document; 304 if the client has it."""
    document = request.app[DOCUMENTS].of(request.app[GATEWAY].kinds)
    headers = {"ETag": document.tag}
    known = [each.strip().removeprefix("W/") for each in request.headers.get("If-None-Match", "").split(",")]
    if document.tag in known or "*" in known:
        return web.Response(status=304, headers={**headers, "Cache-Control": "no-cache", "Server": "natya"})
    return json_response(document.body, cache="no-cache", headers=headers)
