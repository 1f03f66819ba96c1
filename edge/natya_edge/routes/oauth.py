"""Tokens for clients and users, and the description of how to get them (RFC 6749, 7009, 8414)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
from aiohttp import web

from natya.errors import Invalid, TooLarge
from natya_edge.body import read_body
from natya_edge.guard.rates import attempt
from natya_edge.headers import Headers
from natya_edge.keys import OAUTH, SETTINGS
from natya_edge.oauth.accounts import Grant
from natya_edge.oauth.client_authentication import METHODS
from natya_edge.oauth.errors import InvalidRequest, OAuthError
from natya_edge.oauth.form import MAX_BODY, Form
from natya_edge.responses import json_response

PUBLIC: Final = frozenset({"/oauth/token", "/oauth/revoke", "/.well-known/oauth-authorization-server"})
"""Routes that need no bearer token."""
_HOST: Final = re.compile(r"[A-Za-z0-9.\-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")


def add_routes(app: web.Application) -> None:
    app.router.add_post("/oauth/token", token)
    app.router.add_post("/oauth/revoke", revoke)
    app.router.add_get("/.well-known/oauth-authorization-server", metadata)


async def token(request: web.Request) -> web.Response:
    """``POST /oauth/token``: an access token, and where the client may have one, a refresh token."""
    return await _answered(request, request.app[OAUTH].token)


async def revoke(request: web.Request) -> web.Response:
    """``POST /oauth/revoke``: the token is good no more; 200 also if it was not."""
    return await _answered(request, request.app[OAUTH].revoke)


async def metadata(request: web.Request) -> web.Response:
    """``GET /.well-known/oauth-authorization-server``: where everything is and what is supported."""
    issuer = request.app[SETTINGS].issuer
    base = issuer.rstrip("/") if "://" in issuer else _own_address(request)
    document = {
        "issuer": issuer,
        "token_endpoint": f"{base}/oauth/token",
        "token_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint": f"{base}/oauth/revoke",
        "revocation_endpoint_auth_methods_supported": METHODS,
        "jwks_uri": f"{base}/.well-known/jwks.json",
        "grant_types_supported": list(Grant),
        "response_types_supported": [],
    }
    return json_response(orjson.dumps(document))


async def _answered(
    request: web.Request, handle: Callable[[Headers, Form], Awaitable[dict[str, Any] | None]]
) -> web.Response:
    try:
        if request.rel_url.raw_query_string:
            raise InvalidRequest("parameters must be in the body, not in the URL: URLs end up in logs")
        form = Form.read(request.headers, await _body(request))
        with attempt(request):
            answer = await handle(request.headers, form)
    except OAuthError as error:
        return json_response(orjson.dumps(error.document()), status=error.code, headers=error.headers)
    return json_response(orjson.dumps(answer or {}), headers={"Pragma": "no-cache"})


async def _body(request: web.Request) -> bytes:
    """Raises `TooLarge`, `BodyTimeout`."""
    body = await read_body(request, request.app[SETTINGS], MAX_BODY)
    if len(body) > MAX_BODY:  # one that came in chunks and did not say its size
        raise TooLarge(f"the body has {len(body)} bytes: at most {MAX_BODY} are taken", limit=MAX_BODY)
    return body


def _own_address(request: web.Request) -> str:
    """How the client has reached us: for development, where the issuer is no URL."""
    if not _HOST.fullmatch(request.host):
        raise Invalid("the header Host is no address", field="Host")
    return f"{request.scheme}://{request.host}"
