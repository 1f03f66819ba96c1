"""Rate limits as middleware: by address before anybody is known, by principal afterwards."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from natya_edge.auth.principal import OPERATOR
from natya_edge.guard.addresses import Proxies
from natya_edge.guard.limits import Limits
from natya_edge.keys import PRINCIPAL

LIMITS: Final = web.AppKey("limits", Limits)
PROXIES: Final = web.AppKey("proxies", Proxies)
RATE: Final = web.RequestKey("rate", tuple[str, str])
"""The fields `RateLimit-Policy` and `RateLimit` of the response."""


@web.middleware
async def limit_addresses(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Installed if there is such a limit."""
    taken = request.app[LIMITS].take_address(address_of(request))
    if taken is not None:
        limit, verdict = taken
        request[RATE] = limit.policy, limit.state(verdict)
    return await handler(request)


@web.middleware
async def limit_principals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """After `authenticate`. Routes that need no token are not counted here."""
    principal = request.get(PRINCIPAL)
    if principal is not None:
        taken = request.app[LIMITS].take_principal(principal.subject, operator=OPERATOR in principal.roles)
        if taken is not None:
            limit, verdict = taken
            request[RATE] = limit.policy, limit.state(verdict)
    return await handler(request)


def attempt(request: web.Request) -> AbstractContextManager[None]:
    """Around every check of credentials, a token's signature or a secret: see `Limits.attempt`."""
    return request.app[LIMITS].attempt(address_of(request))


def address_of(request: web.Request) -> str:
    """The address that a request comes from, as it is counted; behind proxies the one that they name."""
    return request.app[PROXIES].client(request.remote or "", request.headers.getall("X-Forwarded-For", ()))
