"""What watches a node: metrics, event log and spans behind one `Telemetry`, the health server, and the watchdog."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from natya.health import serve_health
from natya.settings import Settings
from natya.telemetry import Telemetry
from natya.telemetry.eventlog import EventLog
from natya.telemetry.logs import setup_logs
from natya.telemetry.metrics import Metrics
from natya.telemetry.spans import open_spans
from natya.watchdog import watch_loop


@dataclass(slots=True)
class Monitoring:
    """``ready`` is what ``/readyz`` asks: set it when there is a node. ``port`` is the health server's, None if it is off."""

    telemetry: Telemetry
    metrics: Metrics
    ready: Callable[[], bool] = lambda: False
    port: int | None = None


@asynccontextmanager
async def open_monitoring(settings: Settings) -> AsyncIterator[Monitoring]:
    """Watch while inside, from before the servers are reached until after they are left. Raises `ConfigurationError`.

    A process that has set up logging itself keeps it; any other logs JSON lines to standard error.
    """
    if not logging.getLogger().handlers:
        setup_logs(settings.node, settings.log_level)
    async with AsyncExitStack() as stack:
        spans = stack.enter_context(open_spans(settings.node))
        metrics = Metrics(settings.node)
        telemetry = Telemetry(metrics, EventLog(), tracing=spans is not None)
        if spans is not None:
            telemetry.add(spans)
        monitoring = Monitoring(telemetry, metrics)
        if settings.metrics_port is not None:
            server = serve_health(
                settings.metrics_host, settings.metrics_port, registry=_registry(metrics), ready=lambda: monitoring.ready()
            )
            monitoring.port = await stack.enter_async_context(server)
        stack.enter_context(watch_loop(telemetry))
        yield monitoring


def _registry(metrics: Metrics) -> CollectorRegistry:
    """The node's metrics, and those of the process and the interpreter."""
    registry = metrics.registry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
