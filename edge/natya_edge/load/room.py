"""Room for every kind and every principal, as middleware."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from natya_edge.keys import GATEWAY, PRINCIPAL
from natya_edge.load.bulkhead import Bulkhead
from natya_edge.load.settings import LoadSettings


class Room:
    """The two bulkheads of an edge."""

    def __init__(self, settings: LoadSettings) -> None:
        self.kinds = Bulkhead("kind", settings.kind_limit)
        self.principals = Bulkhead("principal", settings.principal_limit)


ROOM: Final = web.AppKey("room", Room)
ENDLESS: Final = frozenset({"/v1/events"})
"""Routes whose responses have no end: they are bounded in a way of their own."""


@web.middleware
async def keep_room(request: web.Request, handler: Handler) -> web.StreamResponse:
    """After `authenticate`. A request counts towards its principal, and towards the kind that its path names, from before its body
    is read until there is a response. Raises `Overloaded`, `Unavailable`."""
    principal = request.get(PRINCIPAL)
    resource = request.match_info.route.resource
    if principal is None or (resource is not None and resource.canonical in ENDLESS):
        return await handler(request)
    room = request.app[ROOM]
    kind = request.match_info.get("kind")
    if kind is not None and kind not in request.app[GATEWAY].calls().kinds:
        kind = None  # what it is called instead is the handler's to say; here it would be a name that anybody can choose
    room.principals.enter(principal.subject)
    try:
        if kind is None:
            return await handler(request)
        room.kinds.enter(kind)
        try:
            return await handler(request)
        finally:
            room.kinds.leave(kind)
    finally:
        room.principals.leave(principal.subject)
