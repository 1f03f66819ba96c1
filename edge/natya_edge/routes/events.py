"""Events as they are published."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from aiohttp import web

from natya_edge.keys import GATEWAY, IDS, PRINCIPAL, REQUEST_ID, SETTINGS, STREAMS, TOKENS
from natya_edge.live import sse
from natya_edge.live.asked import Start, read_asked
from natya_edge.live.session import Pace, Session
from natya_edge.live.streams import Streams
from natya_edge.live.subscriber import End, Ended
from natya_edge.live.visible import check_asked, visible_to
from natya_edge.middleware import bearer

_LINGER: Final = 2.0
"""Seconds that a client gets to take the last message."""

_KERNEL_BUFFER: Final = 128 << 10

_HEADERS: Final = {
    "Content-Type": sse.CONTENT_TYPE,
    # An intermediary that compresses, or collects before it sends, would hold events back.
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
}

_log = logging.getLogger("natya.edge")


def add_routes(app: web.Application) -> None:
    app.router.add_get("/v1/events", events)
    app.cleanup_ctx.append(_streams)
    app.on_shutdown.append(_stop)


async def events(request: web.Request) -> web.StreamResponse:
    """``GET /v1/events``: a stream of server-sent events without an end."""
    app = request.app
    gateway, settings = app[GATEWAY], app[SETTINGS]
    calls = gateway.calls()
    wanted, start = read_asked(request.rel_url.raw_query_string, request.headers)
    principal = request[PRINCIPAL]
    check_asked(wanted, principal, gateway, calls)
    if request.method == "HEAD":
        return web.Response(headers=_HEADERS)
    pace = Pace(settings.events_heartbeat, settings.events_patience, retry=1.0 + 2.0 * app[IDS].jitter())
    transport = request.transport
    async with app[STREAMS].subscribe(
        principal.subject,
        wanted,
        visible_to(principal, gateway, calls),
        lambda: transport is not None and not transport.is_closing(),
    ) as subscriber:
        response = web.StreamResponse(headers=_HEADERS)
        response.force_close()
        await response.prepare(request)
        _hold_little(request)
        session = Session(app[STREAMS], subscriber, response, partial(app[TOKENS].verify, bearer(request)), pace)
        ended = await _run(session, start, request[REQUEST_ID])
        app[STREAMS].count(ended.end)
        await _end(request, response, sse.end(ended.end, ended.detail, session.position, pace.retry))
    return response


def _hold_little(request: web.Request) -> None:
    """The kernel would take megabytes for a client that reads nothing, and hide for long that it reads little."""
    if request.transport is not None and (connection := request.transport.get_extra_info("socket")) is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BUFFER)


async def _run(session: Session, start: Start, request_id: str) -> Ended:
    try:
        return await session.run(start)
    except Exception:  # noqa: BLE001 - the response has begun: whoever else caught this could not answer any more
        _log.exception("the stream of request %s failed", request_id)
        return Ended(End.FAILED, "the edge failed; its log has more under the request's id")


async def _end(request: web.Request, response: web.StreamResponse, message: bytes) -> None:
    """Send the last message behind what is on its way, and let go of a client that does not take it."""
    try:
        async with asyncio.timeout(_LINGER):
            await response.write(message)
            await response.write_eof()
    except (ConnectionError, TimeoutError):
        if request.transport is not None:
            request.transport.abort()


async def _streams(app: web.Application) -> AsyncIterator[None]:
    settings, gateway = app[SETTINGS], app[GATEWAY]
    app[STREAMS] = streams = Streams(
        lambda: gateway.calls().event_stream,
        limit=settings.events_streams,
        limit_each=settings.events_streams_each,
        buffer=settings.events_buffer,
    )
    yield
    await streams.close()


async def _stop(app: web.Application) -> None:
    app[STREAMS].stop()
