"""The edge's metrics on a port of their own, as a node's are: what they tell is for the operator, and not for whoever finds the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from natya.health import serve_health
from natya.settings import Settings
from natya.telemetry.tallies import Counter, Gauge
from natya_edge.guard.doorman import Doorman
from natya_edge.keys import GATEWAY, READINESS, STREAMS
from natya_edge.load.breakers import BREAKERS
from natya_edge.load.front import FRONT
from natya_edge.load.room import ROOM
from natya_edge.metrics import METRICS


@asynccontextmanager
async def monitored(settings: Settings, app: web.Application, doorman: Doorman) -> AsyncIterator[int | None]:
    """Serve the metrics of an application that is set up; the port, None if `Settings.metrics_port` is. Raises `ConfigurationError`."""
    if settings.metrics_port is None:
        yield None
        return
    _watch(app, doorman)
    registry, ready = app[METRICS].registry(), app[READINESS].glance
    async with serve_health(settings.metrics_host, settings.metrics_port, registry=registry, ready=ready) as port:
        yield port


def _watch(app: web.Application, doorman: Doorman) -> None:
    watch, front, room, breakers = app[METRICS].watch, app[FRONT], app[ROOM], app[BREAKERS]
    watch(Gauge("natya_edge_requests_under_way", "Requests that have no response yet."), lambda: {"": front.under_way})
    watch(
        Counter("natya_edge_refused_total", "Requests refused under load, by the bound that was reached.", ("bound",)),
        lambda: {
            "edge": front.refused,
            "kind": room.kinds.refused,
            "principal": room.principals.refused,
            "breaker": breakers.refused,
        },
    )
    watch(
        Gauge("natya_edge_breaker_state", "0: calls go on; 1: one is tried; 2: nobody serves the kind.", ("kind",)),
        lambda: {kind: state.value for kind, state in breakers.states.items()},
    )
    watch(Gauge("natya_edge_connections", "Open connections."), lambda: {"": len(doorman)})
    watch(
        Gauge("natya_edge_connected", "1 while connected to NATS, else 0."),
        lambda: {"": float(app[GATEWAY].connected)},
    )
    watch(Gauge("natya_edge_streams", "Open streams of events."), lambda: {"": app[STREAMS].statistics.open})
    watch(
        Counter("natya_edge_streams_ended_total", "Streams of events that ended, by the reason.", ("reason",)),
        lambda: {end.value: count for end, count in app[STREAMS].statistics.ended.items()},
    )
