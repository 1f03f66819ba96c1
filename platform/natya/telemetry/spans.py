"""Spans of turns and commits for OpenTelemetry, made only where an exporter is configured by OpenTelemetry's own variables.

A span is made when what it tells has ended, from an event that knows its ids, so nothing is carried through the code and
nothing happens while it is off. Only messages that come with a sampled ``traceparent`` are traced: whoever starts the trace
decides. The turn is a child of the caller's span, the commit a child of the turn; what a turn asks, tells and emits carries the
turn's own context.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from natya.errors import ConfigurationError
from natya.telemetry.events import CommitTraced, Event, TurnTraced
from natya.telemetry.trace import TraceContext
from natya.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import SpanContext

Attributes = dict[str, str | int]


def exporter_of(environment: Mapping[str, str]) -> str:
    """The exporter that ``OTEL_TRACES_EXPORTER`` names, ``otlp`` if only an endpoint is given, empty for none."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ""
    named = environment.get("OTEL_TRACES_EXPORTER", "").strip()
    if named:
        return "" if named == "none" else named
    endpoints = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    return "otlp" if any(environment.get(name) for name in endpoints) else ""


@contextmanager
def open_spans(node: str, environment: Mapping[str, str] = os.environ) -> Iterator[Spans | None]:
    """Give a hook that exports spans while inside, None if no exporter is configured. Raises `ConfigurationError` if the
    one that is configured is not installed. What is not exported yet is, at the end (which may take seconds)."""
    name = exporter_of(environment)
    if not name:
        yield None
        return
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    found = list(entry_points(group="opentelemetry_traces_exporter", name=name))
    if not found:
        raise ConfigurationError(
            f"there is no OpenTelemetry exporter {name!r}: install one (otlp: opentelemetry-exporter-otlp), "
            f"or set OTEL_TRACES_EXPORTER=none"
        )
    processor: SpanProcessor = BatchSpanProcessor(found[0].load()())
    try:
        service = environment.get("OTEL_SERVICE_NAME") or "natya"
        resource = Resource.create({"service.name": service, "service.instance.id": node})
        yield Spans(processor, resource)
    finally:
        processor.shutdown()


class Spans:
    """A telemetry hook that hands ended spans to an OpenTelemetry processor."""

    def __init__(self, processor: SpanProcessor, resource: Resource) -> None:
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        self._processor = processor
        self._resource = resource
        self._scope = InstrumentationScope("natya", VERSION)

    def __call__(self, event: Event) -> None:
        if isinstance(event, TurnTraced):
            attributes: Attributes = {
                "natya.kind": event.kind, "natya.key": event.key, "natya.method": event.method, "natya.outcome": event.outcome,
            }  # fmt: skip
            failed = event.outcome in ("failed", "internal")
            self._end(
                f"turn {event.kind}.{event.method}", event.context, event.parent, event.state, event.seconds, attributes,
                server=True, failed=failed,
            )  # fmt: skip
        elif isinstance(event, CommitTraced):
            attributes = {
                "natya.kind": event.kind, "natya.partition": event.partition,
                "natya.sequence": event.sequence, "natya.batch.turns": event.turns,
            }  # fmt: skip
            parent = TraceContext.read(event.parent)
            if parent is not None:
                self._end(
                    f"commit {event.kind}", str(parent.child()), event.parent, event.state, event.seconds, attributes,
                    server=False, failed=False,
                )  # fmt: skip

    def _end(
        self, name: str, context: str, parent: str, state: str, seconds: float, attributes: Attributes,
        *, server: bool, failed: bool,
    ) -> None:  # fmt: skip
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanKind, Status, StatusCode

        own, above = _span_context(context, state, remote=False), _span_context(parent, state, remote=server)
        if own is None or above is None:
            return
        end = time.time_ns()
        self._processor.on_end(
            ReadableSpan(
                name,
                context=own,
                parent=above,
                resource=self._resource,
                attributes=attributes,
                kind=SpanKind.SERVER if server else SpanKind.INTERNAL,
                status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
                start_time=end - round(seconds * 1e9),
                end_time=end,
                instrumentation_scope=self._scope,
            )
        )


def _span_context(traceparent: str, state: str, *, remote: bool) -> SpanContext | None:
    from opentelemetry.trace import SpanContext, TraceFlags, TraceState

    found = TraceContext.read(traceparent)
    if found is None:
        return None
    return SpanContext(
        int(found.trace, 16),
        int(found.span, 16),
        is_remote=remote,
        trace_flags=TraceFlags(TraceFlags.SAMPLED if found.sampled else TraceFlags.DEFAULT),
        trace_state=TraceState.from_header([state]) if state else None,
    )
