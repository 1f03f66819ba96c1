"""The application: routes, middleware and what they share."""

from __future__ import annotations

from aiohttp import web

from natya.clock import Clock, Ids, RandomIds
from natya_edge.gateway import Gateway
from natya_edge.keys import GATEWAY, IDS, SETTINGS, TOKENS
from natya_edge.middleware import MIDDLEWARES
from natya_edge.routes import actors, health
from natya_edge.settings import EdgeSettings
from natya_edge.tokens import Tokens


def make_app(edge: EdgeSettings, gateway: Gateway, *, clock: Clock | None = None, ids: Ids | None = None) -> web.Application:
    """The edge's application. Raises `ConfigurationError` if there is no good secret."""
    app = web.Application(middlewares=MIDDLEWARES, client_max_size=edge.body_limit)
    app[GATEWAY] = gateway
    app[SETTINGS] = edge
    app[TOKENS] = Tokens(edge.read_secret(), clock, size=edge.known_tokens)
    app[IDS] = ids or RandomIds()
    for routes in (actors, health):
        routes.add_routes(app)
    return app
