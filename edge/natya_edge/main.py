"""The process of the edge.

Start: it listens first, so that `/livez` answers at once; the platform is connected to beside it, for as long as that takes, and the
store when it is first asked.
End, by SIGTERM or SIGINT: not ready, then (after the drain delay) no new connections, running requests end, the platform is
left. A second signal ends the process at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import uvloop
from aiohttp import web

from natya.errors import ConfigurationError
from natya.mongo import open_store
from natya.settings import Settings
from natya.telemetry.logs import setup_logs
from natya_edge.app import make_app
from natya_edge.gateway import Gateway, keep_attached
from natya_edge.settings import EdgeSettings

HTTP: Final[Mapping[str, Any]] = {
    "access_log": None,
    "auto_decompress": False,  # compressed bodies are refused, so nothing small can grow here
    "keepalive_timeout": 75.0,
    "max_field_size": 64 << 10,  # a token that is far too long still gets a problem document
}
"""How aiohttp is set up."""

_log = logging.getLogger("natya.edge")


def run(settings: Settings, edge: EdgeSettings) -> None:
    """Serve until SIGTERM or SIGINT. Raises `ConfigurationError` if there is no secret or the port cannot be had."""
    setup_logs(settings.node, settings.log_level)
    # aiohttp logs requests that are no HTTP as errors with a traceback: they are the client's fault, and answered with 400.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, edge))


async def _serve(settings: Settings, edge: EdgeSettings) -> None:
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            os._exit(1)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    async with serving(settings, edge) as running:
        stopping = asyncio.create_task(stop.wait(), name="signal")
        await asyncio.wait({stopping, running.attached}, return_when=asyncio.FIRST_COMPLETED)
        if running.attached.done():
            stopping.cancel()
            await running.attached  # it ends by a bug only, which must not be silent
        _log.info("ending")
        running.gateway.draining = True
        await asyncio.sleep(edge.drain_delay)


@dataclass(frozen=True, slots=True)
class Running:
    """An edge that runs. ``attached`` is the task that keeps the gateway attached to the platform."""

    url: str
    gateway: Gateway
    attached: asyncio.Task[None]


@asynccontextmanager
async def serving(settings: Settings, edge: EdgeSettings) -> AsyncIterator[Running]:
    """An edge that listens; at the end its running requests may finish. Raises `ConfigurationError`."""
    gateway = Gateway()
    async with open_store(settings) as store:
        runner = web.AppRunner(
            make_app(edge, gateway, store),
            **HTTP,
            shutdown_timeout=edge.drain_timeout / 2,  # aiohttp waits that long twice before it cancels
        )
        attached = asyncio.create_task(keep_attached(gateway, settings), name="gateway")
        try:
            await runner.setup()
            url = await _listen(runner, edge)
            _log.info("listening on %s", url)
            yield Running(url, gateway, attached)
        finally:
            gateway.draining = True
            try:
                await runner.cleanup()
            finally:
                while not attached.done():  # nats-py, while it connects, may lose a cancellation
                    attached.cancel()
                    await asyncio.wait({attached}, timeout=0.2)


async def _listen(runner: web.AppRunner, edge: EdgeSettings) -> str:
    try:
        await web.TCPSite(runner, edge.host, edge.port).start()
    except OSError as error:
        raise ConfigurationError(f"the edge cannot listen on {edge.host}:{edge.port}: {error.strerror or error}") from error
    host, port = runner.addresses[0][:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
