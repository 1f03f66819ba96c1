"""What happens to every request: it gets an id, what goes wrong becomes a problem document, and its sender is known."""

from __future__ import annotations

import logging
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from natya.errors import Internal, Invalid, NatyaError, Unauthenticated, Unavailable
from natya.ports.store import StoreUnavailable
from natya_edge.errors import BadToken, allow
from natya_edge.gateway import RETRY_AFTER
from natya_edge.guard.not_http import problem_of_http
from natya_edge.guard.rates import attempt
from natya_edge.headers import request_id
from natya_edge.keys import GATEWAY, IDS, PRINCIPAL, REQUEST_ID, TOKENS
from natya_edge.responses import NO_STORE, error_problem
from natya_edge.routes import actors, docs, health, jwks, oauth, openapi

PUBLIC: Final = health.PUBLIC | jwks.PUBLIC | openapi.PUBLIC | docs.PUBLIC | oauth.PUBLIC
"""Routes that need no token."""

_log = logging.getLogger("natya.edge")


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost: every request has an id, and every error, whatever happened, is a problem document."""
    app = request.app
    id = request_id(request.headers) or app[IDS].new()
    request[REQUEST_ID] = id
    response: web.StreamResponse
    try:
        response = await handler(request)
    except NatyaError as error:
        response = error_problem(error, id)
    except StoreUnavailable as error:
        _log.warning("request %s: the store is away: %s", id, error)
        response = error_problem(Unavailable("the store cannot be reached", retry_after=RETRY_AFTER), id)
    except web.HTTPMethodNotAllowed as error:
        exact = web.HTTPMethodNotAllowed(request.method, actors.takes(request) or error.allowed_methods)
        response = _options(exact, request) or error_problem(problem_of_http(exact, request), id)
    except web.HTTPException as error:
        response = error_problem(problem_of_http(error, request), id)
    except web.RequestPayloadError as error:
        response = error_problem(Invalid(f"the body could not be read: {error}"), id)
        response.force_close()
    except Exception:  # noqa: BLE001 - the boundary of a request: one that fails must not end its connection unanswered
        _log.exception("request %s failed: %s %s", id, request.method, request.rel_url.raw_path)
        response = error_problem(Internal("the edge failed; its log has more under the id", error_id=id), id)
    level = logging.WARNING if response.status == 500 else logging.DEBUG
    _log.log(level, "request %s: %s %s answered %d", id, request.method, request.rel_url.raw_path, response.status)
    if app[GATEWAY].draining:
        response.force_close()
    return response


@web.middleware
async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every route that is not named as public needs a bearer token; who it stands for is in the request from here on.

    The route that was found decides, not the path's text: a path has many spellings.
    """
    resource = request.match_info.route.resource
    if resource is not None and resource.canonical not in PUBLIC:
        tokens, token = request.app[TOKENS], bearer(request)
        principal = tokens.recall(token)
        if principal is None:
            with attempt(request):
                principal = await tokens.verify(token)
        request[PRINCIPAL] = principal
    return await handler(request)


def _options(error: web.HTTPMethodNotAllowed, request: web.Request) -> web.Response | None:
    """The answer to OPTIONS, which no route has for itself: what may be done here. No actor is asked, so no token is needed."""
    if request.method != "OPTIONS":
        return None
    return web.Response(status=204, headers={"Allow": allow(error.allowed_methods), "Cache-Control": NO_STORE})


def bearer(request: web.Request) -> str:
    """The token that a request carries. Raises `Unauthenticated`, `BadToken`."""
    given = request.headers.getall("Authorization", ())
    if not given:
        raise Unauthenticated("this needs a bearer token: send Authorization: Bearer …")
    scheme, _, token = given[0].partition(" ")
    if len(given) > 1 or scheme.lower() != "bearer":
        raise BadToken("Authorization must be there once, as Bearer and a token")
    return token.strip()
