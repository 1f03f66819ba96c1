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
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvloop
from aiohttp import web

from natya.client import Platform
from natya.collector import tune_collector
from natya.mongo import open_store
from natya.settings import Settings
from natya.telemetry.logs import setup_logs
from natya_edge.app import make_app
from natya_edge.gateway import Gateway, keep_attached
from natya_edge.guard.doorman import Doorman
from natya_edge.guard.listening import allow_connections, listening
from natya_edge.guard.rates import LIMITS, PROXIES
from natya_edge.guard.sharing import Sharing
from natya_edge.keys import IDS
from natya_edge.load.front import FRONT
from natya_edge.monitoring import monitored
from natya_edge.settings import EdgeSettings

_log = logging.getLogger("natya.edge")


def run(settings: Settings, edge: EdgeSettings) -> None:
    """Serve until SIGTERM or SIGINT. Raises `ConfigurationError` if there is no secret or the port cannot be had."""
    setup_logs(settings.node, settings.log_level)
    # aiohttp logs requests that are no HTTP as errors with a traceback: they are the client's fault, and answered with 400.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    allow_connections(edge.connections)
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
        tune_collector()
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
    """An edge that runs. ``attached`` is the task that keeps the gateway attached to the platform; ``metrics_port`` is None if metrics
    are not served."""

    url: str
    gateway: Gateway
    attached: asyncio.Task[None]
    metrics_port: int | None


@asynccontextmanager
async def serving(settings: Settings, edge: EdgeSettings) -> AsyncIterator[Running]:
    """An edge that listens; at the end its running requests may finish. Raises `ConfigurationError`."""
    gateway = Gateway()
    async with open_store(settings) as store:
        app = make_app(edge, gateway, store)
        runner = web.AppRunner(
            app, shutdown_timeout=edge.drain_timeout / 2
        )  # aiohttp waits that long twice before it cancels

        async def share(platform: Platform) -> None:
            limits, name = app[LIMITS].shared, app[IDS].new()
            await Sharing(limits, platform.connection, settings.namespace, name, edge.share_interval).run()

        attached = asyncio.create_task(keep_attached(gateway, settings, share), name="gateway")
        try:
            await runner.setup()
            doorman = Doorman(edge, app[PROXIES], app[IDS])
            async with (
                monitored(settings, app, doorman) as metrics_port,
                listening(runner, doorman, app[FRONT], edge.host, edge.port) as url,
            ):
                _log.info("listening on %s", url)
                yield Running(url, gateway, attached, metrics_port)
                gateway.draining = True
        finally:
            gateway.draining = True
            try:
                await runner.cleanup()
            finally:
                while not attached.done():  # nats-py, while it connects, may lose a cancellation
                    attached.cancel()
                    await asyncio.wait({attached}, timeout=0.2)
