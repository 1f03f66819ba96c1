"""What the edge counts, for Prometheus: names begin with ``natya_edge_``, units are seconds, and nothing that a client can choose freely
is a label."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from natya.telemetry.metrics import SECONDS
from natya.telemetry.tallies import Counter, Distribution, Gauge, Histogram, Tally

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NONE: Final = "none"


class EdgeMetrics(Collector):
    """Lives on one loop: requests end and scrapes happen there. A request costs 1 µs.

    What others count is read from them when somebody scrapes: `watch`.
    """

    def __init__(self) -> None:
        route = ("route", "method")
        self.requests = Counter("natya_edge_requests_total", "Requests that were answered.", (*route, "status"))
        self.seconds = Histogram(
            "natya_edge_request_seconds", "Time from a request's head to its response, without the sending.", SECONDS, route
        )
        self._known: dict[tuple[str, str, int], tuple[Tally, Distribution]] = {}
        self._watched: list[tuple[Gauge | Counter, Callable[[], Mapping[str, float]]]] = []
        self.now = time.perf_counter

    def watch(self, metric: Gauge | Counter, read: Callable[[], Mapping[str, float]]) -> None:
        """Ask ``read`` for the values when somebody scrapes: by the value of the metric's only label, or by the empty text if it has
        none."""
        self._watched.append((metric, read))

    def ended(self, request: web.Request, response: web.StreamResponse, began: float) -> None:
        """A request has its response."""
        resource = request.match_info.route.resource
        key = (_NONE if resource is None else resource.canonical, request.method, response.status)
        found = self._known.get(key) or self._add(*key)
        found[0].value += 1
        found[1].observe(self.now() - began)

    def _add(self, route: str, method: str, status: int) -> tuple[Tally, Distribution]:
        shown = method if method in _METHODS else "other"
        found = self.requests.child(route, shown, str(status)), self.seconds.child(route, shown)
        if shown == method:
            self._known[route, method, status] = found
        return found

    def collect(self) -> Iterable[Metric]:
        for metric, read in self._watched:
            if isinstance(metric, Gauge):
                metric.clear()
            for label, value in read().items():
                labels = (label,) if metric.labels else ()
                if isinstance(metric, Gauge):
                    metric.set(value, *labels)
                else:
                    metric.child(*labels).value = value
        return [family.collect() for family in (self.requests, self.seconds, *(metric for metric, _ in self._watched))]

    def registry(self) -> CollectorRegistry:
        """A new registry with these metrics, and those of the process and the interpreter."""
        registry = CollectorRegistry()
        registry.register(self)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        return registry


METRICS: Final = web.AppKey("metrics", EdgeMetrics)
