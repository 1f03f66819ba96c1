"""The HTTP server of a node: is it alive, is it ready, what are its metrics."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from natya.errors import ConfigurationError


@asynccontextmanager
async def serve_health(
    host: str, port: int, *, registry: CollectorRegistry, ready: Callable[[], bool]
) -> AsyncIterator[int]:
    """Serve ``/livez``, ``/readyz`` and ``/metrics`` while inside; gives the port (that was free, if 0 was asked for).
    Raises `ConfigurationError` if the address cannot be had."""

    async def livez(_: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def readyz(_: web.Request) -> web.Response:
        is_ready = ready()
        return web.json_response({"ready": is_ready}, status=200 if is_ready else 503)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ConfigurationError(_trouble(host, port, error)) from error
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _trouble(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is taken: end what listens there, or set NATYA_METRICS_PORT to a free port"
    return f"health and metrics cannot be served on {host}:{port}: {error.strerror or error}; see NATYA_METRICS_HOST"
