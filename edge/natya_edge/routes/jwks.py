"""The public keys of the tokens that the edge signs."""

from __future__ import annotations

from typing import Final

import orjson
from aiohttp import web

from natya_edge.keys import KEYRING
from natya_edge.responses import json_response

PATH: Final = "/.well-known/jwks.json"
PUBLIC: Final = frozenset({PATH})
"""Routes that need no token."""
MAX_AGE: Final = 300
"""Seconds for which the answer may be kept. A new key is published longer than that before it signs."""


def add_routes(app: web.Application) -> None:
    app.router.add_get(PATH, jwks)


async def jwks(request: web.Request) -> web.Response:
    """``GET /.well-known/jwks.json``: a JWK Set (RFC 7517); empty if the edge signs nothing."""
    return json_response(orjson.dumps(request.app[KEYRING].jwks()), cache=f"public, max-age={MAX_AGE}")
