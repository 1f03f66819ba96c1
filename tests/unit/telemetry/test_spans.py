"""Trace context, and spans made of events."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from natya.errors import ConfigurationError
from natya.telemetry.events import CommitTraced, TurnFinished, TurnTraced
from natya.telemetry.spans import Spans, exporter_of, open_spans
from natya.telemetry.trace import TraceContext, child_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> Spans:
    return Spans(SimpleSpanProcessor(exporter), Resource.create({"service.name": "natya"}))


def turn(outcome: str = "ok", parent: str = PARENT, state: str = "") -> TurnTraced:
    return TurnTraced("account", "alice", "deposit", outcome, 0.25, child_of(parent), parent, state)


def test_a_child_is_of_the_same_trace_with_an_id_of_its_own() -> None:
    child = TraceContext.read(child_of(PARENT))
    assert child is not None
    assert child.trace == TRACE
    assert child.span != SPAN
    assert child.sampled


def test_a_trace_that_nobody_records_has_no_children() -> None:
    assert child_of(f"00-{TRACE}-{SPAN}-00") == ""


@pytest.mark.parametrize(
    "wrong",
    [
        "", "garbage", f"00-{TRACE}-{SPAN}", f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01-more", f"00-{TRACE}-{SPAN}-01\n",
    ],
)  # fmt: skip
def test_what_is_no_traceparent_is_ignored(wrong: str) -> None:
    assert TraceContext.read(wrong) is None
    assert child_of(wrong) == ""


def test_a_later_version_may_say_more() -> None:
    assert TraceContext.read(f"01-{TRACE}-{SPAN}-01-more") == TraceContext(TRACE, SPAN, True)


def test_a_new_trace_reads_as_it_is_written() -> None:
    new = TraceContext.new()
    assert TraceContext.read(str(new)) == new


def test_a_turn_is_below_its_caller_and_its_commit_below_it(spans: Spans, exporter: InMemorySpanExporter) -> None:
    one = turn(state="vendor=1")
    before = time.time_ns()
    spans(one)
    spans(CommitTraced("account", 3, 17, 20, 0.5, one.context, "vendor=1"))
    first, second = exporter.get_finished_spans()
    assert first.name == "turn account.deposit"
    assert first.kind is SpanKind.SERVER
    assert first.parent is not None
    assert first.parent.span_id == int(SPAN, 16)
    assert first.start_time is not None
    assert first.end_time is not None
    assert first.end_time >= before
    assert first.end_time - first.start_time == 250_000_000
    assert dict(first.attributes or {})["natya.key"] == "alice"
    assert second.name == "commit account"
    assert second.parent is not None
    assert first.context is not None
    assert second.context is not None
    assert second.parent.span_id == first.context.span_id
    assert second.context.trace_id == int(TRACE, 16)
    assert second.context.trace_state["vendor"] == "1"
    assert dict(second.attributes or {})["natya.batch.turns"] == 20


@pytest.mark.parametrize(("outcome", "status"), [("failed", StatusCode.ERROR), ("insufficient_funds", StatusCode.UNSET)])
def test_only_a_failed_handler_is_an_error(
    outcome: str, status: StatusCode, spans: Spans, exporter: InMemorySpanExporter
) -> None:
    spans(turn(outcome))
    (span,) = exporter.get_finished_spans()
    assert span.status.status_code is status


def test_other_events_make_no_spans(spans: Spans, exporter: InMemorySpanExporter) -> None:
    spans(TurnFinished("account", "deposit", "ok", 0.1))
    assert exporter.get_finished_spans() == ()


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, ""),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector"}, ""),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector"}, "otlp"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "console", "OTEL_SDK_DISABLED": "true"}, ""),
    ],
)
def test_the_environment_says_whether_spans_are_made(environment: dict[str, str], name: str) -> None:
    assert exporter_of(environment) == name


def test_without_configuration_there_is_no_hook() -> None:
    with open_spans("n1", {}) as spans:
        assert spans is None


class Installed:
    """An entry point that gives an exporter."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def load(self) -> Callable[[], InMemorySpanExporter]:
        return lambda: self._exporter


def test_the_configured_exporter_gets_what_is_left_at_the_end(
    exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("natya.telemetry.spans.entry_points", lambda **_: [Installed(exporter)])
    with open_spans("n1", {"OTEL_TRACES_EXPORTER": "here", "OTEL_SERVICE_NAME": "shop"}) as spans:
        assert spans is not None
        spans(turn())
    (span,) = exporter.get_finished_spans()
    assert span.resource.attributes["service.name"] == "shop"
    assert span.resource.attributes["service.instance.id"] == "n1"


def test_an_exporter_that_is_not_installed_is_named() -> None:
    environment = {"OTEL_TRACES_EXPORTER": "nowhere"}
    with pytest.raises(ConfigurationError, match="no OpenTelemetry exporter 'nowhere'"), open_spans("n1", environment):
        pass
