"""The application: routes, middleware and what they share."""

from __future__ import annotations

from collections.abc import Iterator

from aiohttp import web
from aiohttp.typedefs import Middleware

from natya.clock import Clock, Ids, RandomIds, SystemClock
from natya_edge.auth.setup import add_auth
from natya_edge.compression import compress
from natya_edge.gateway import Gateway
from natya_edge.guard.addresses import Proxies
from natya_edge.guard.cors import CORS, Cors, answer_preflights
from natya_edge.guard.limits import Limits
from natya_edge.guard.rates import LIMITS, PROXIES, limit_addresses, limit_principals
from natya_edge.guard.response_headers import Dress
from natya_edge.keys import DOCUMENTS, FRESHNESS, GATEWAY, IDS, READINESS, SETTINGS, STORE
from natya_edge.listing.freshness import Freshness
from natya_edge.load.breakers import BREAKERS, Breakers
from natya_edge.load.front import FRONT, Front
from natya_edge.load.room import ROOM, Room, keep_room
from natya_edge.metrics import METRICS, EdgeMetrics
from natya_edge.middleware import answer_problems, authenticate
from natya_edge.oauth.revocations import Revocations
from natya_edge.oauth.setup import add_oauth
from natya_edge.openapi.document import Documents
from natya_edge.readiness import Readiness
from natya_edge.routes import actors, docs, events, health, jwks, lists, messages, oauth, openapi
from natya_edge.settings import EdgeSettings
from natya_edge.store import Store


def make_app(
    edge: EdgeSettings, gateway: Gateway, store: Store, *, clock: Clock | None = None, ids: Ids | None = None
) -> web.Application:
    """The edge's application. Raises `ConfigurationError` if its keys, its secret or its issuers are not good."""
    app = web.Application(middlewares=_middlewares(edge), client_max_size=edge.body_limit)
    app[GATEWAY] = gateway
    app[STORE] = store
    app[SETTINGS] = edge
    clock = clock or SystemClock()
    app[FRESHNESS] = Freshness(clock)
    app[READINESS] = Readiness(gateway, store, clock)
    revocations = Revocations(store.records, clock)
    add_auth(app, edge, clock, revocations)
    add_oauth(app, revocations, clock)
    app[IDS] = ids or RandomIds()
    app[DOCUMENTS] = Documents()
    app[PROXIES] = Proxies(edge.trusted_proxies)
    app[LIMITS] = Limits(edge, clock.boottime)
    app[CORS] = Cors(edge)
    app[ROOM] = Room(edge)
    app[BREAKERS] = Breakers(edge.breaker_after, clock.boottime)
    app[METRICS] = EdgeMetrics()
    app[FRONT] = Front(edge, gateway, app[IDS], app[METRICS])
    app.on_response_prepare.append(Dress(edge, app[CORS] if edge.origins else None))
    for routes in (actors, messages, lists, events, health, jwks, openapi, docs, oauth):
        routes.add_routes(app)
    return app


def _middlewares(edge: EdgeSettings) -> Iterator[Middleware]:
    """From the outermost. What the settings turn off is not there: each takes a microsecond of every request."""
    yield answer_problems
    if edge.origins:
        yield answer_preflights
    if edge.address_rate:
        yield limit_addresses
    yield authenticate
    if edge.principal_rate or edge.operator_rate:
        yield limit_principals
    yield keep_room
    yield compress
