"""Lines of the log: their form, what is logged, and how often."""

from __future__ import annotations

import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from natya.errors import ConfigurationError
from natya.telemetry.eventlog import BURST, LEVELS, WINDOW, EventLog, name_of
from natya.telemetry.events import (
    AppendRetried,
    BatchCommitted,
    Connection,
    HandlerFailed,
    JournalLost,
    NodeGauges,
    PartitionClaimed,
    TurnFinished,
)
from natya.telemetry.logs import setup_logs


class Lines:
    """What would be written to standard error."""

    def __init__(self) -> None:
        self._stream = io.StringIO()

    def begin(self, level: str) -> None:
        setup_logs("n1", level)
        (handler,) = logging.getLogger().handlers
        assert isinstance(handler, logging.StreamHandler)
        assert handler.stream is sys.stderr
        handler.setStream(self._stream)

    def read(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]


@pytest.fixture
def lines() -> Iterator[Lines]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    lines = Lines()
    lines.begin("info")
    yield lines
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def failure(error: BaseException, error_id: str) -> HandlerFailed:
    try:
        raise error
    except type(error) as raised:
        return HandlerFailed("account", "alice", "deposit", error_id, raised)


GAUGES = NodeGauges(0.0, 1, 2.0)


def test_an_event_is_one_line_with_its_fields(lines: Lines) -> None:
    EventLog()(PartitionClaimed("account", 7, 3, forced=True))
    (line,) = lines.read()
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info", "event": "partition_claimed", "node": "n1",
        "kind": "account", "partition": 7, "epoch": 3, "forced": True,
    }  # fmt: skip


def test_what_libraries_log_has_the_same_form(lines: Lines) -> None:
    logging.getLogger("aiohttp.server").warning("port %d\nis odd", 81)
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("x").exception("it failed")
    ours = [line for line in lines.read() if line["logger"] in ("aiohttp.server", "x")]
    first, second = ours
    assert first["event"] == "log"
    assert first["level"] == "warning"
    assert first["logger"] == "aiohttp.server"
    assert first["message"] == "port 81\nis odd"
    assert "ValueError" in second["traceback"]


def test_warnings_of_python_are_logged(lines: Lines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    (line,) = lines.read()
    assert line["logger"] == "py.warnings"
    assert "old" in line["message"]


def test_the_level_is_a_lower_bound(lines: Lines) -> None:
    lines.begin("WARNING")
    EventLog()(PartitionClaimed("account", 7, 3, forced=True))
    EventLog()(Connection("disconnected", ""))
    assert [line["event"] for line in lines.read()] == ["connection"]


def test_an_unknown_level_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match="NATYA_LOG_LEVEL to one of DEBUG, INFO"):
        setup_logs("n1", "loud")


def test_turns_commits_and_gauges_are_not_logged(lines: Lines) -> None:
    log = EventLog()
    for event in (TurnFinished("a", "b", "ok", 0.1), BatchCommitted("a", 1, 1, 1, 1, 0.1), GAUGES):
        log(event)
    assert lines.read() == []


def test_a_lost_connection_is_a_warning_a_new_one_is_not(lines: Lines) -> None:
    log = EventLog()
    log(Connection("disconnected", ""))
    log(Connection("connected", "S1"))
    assert [line["level"] for line in lines.read()] == ["warning", "info"]


def test_a_failed_handler_is_an_error_with_its_traceback(lines: Lines) -> None:
    EventLog()(failure(ValueError("no money"), "e-1"))
    (line,) = lines.read()
    assert (line["level"], line["event"], line["error_id"]) == ("error", "handler_failed", "e-1")
    assert line["error"] == "ValueError: no money"
    assert "in failure" in line["traceback"]


def test_every_failure_is_found_by_its_id_but_its_traceback_is_not_repeated_without_end(lines: Lines) -> None:
    log = EventLog(Time())
    for number in range(BURST + 3):
        log(failure(ValueError("no"), f"e-{number}"))
    log(failure(KeyError("other"), "e-other"))
    said = lines.read()
    assert [line["error_id"] for line in said] == [*(f"e-{number}" for number in range(BURST + 3)), "e-other"]
    assert ["traceback" in line for line in said] == [True] * BURST + [False] * 3 + [True]
    assert {line["traceback_in"] for line in said[BURST:-1]} == {f"e-{BURST - 1}"}


def test_repeated_warnings_are_limited_and_counted(lines: Lines) -> None:
    time = Time()
    log = EventLog(time)
    for _ in range(BURST + 7):
        log(AppendRetried("account", 1, "no answer"))
    assert len(lines.read()) == BURST
    time.now += WINDOW
    log(AppendRetried("account", 1, "no answer"))
    summary, newest = lines.read()[BURST:]
    assert (summary["event"], summary["level"], summary["suppressed"]) == ("append_retried", "warning", 7)
    assert newest["reason"] == "no answer"


def test_what_was_left_out_is_told_when_it_has_gone_quiet(lines: Lines) -> None:
    time = Time()
    log = EventLog(time)
    for _ in range(BURST + 2):
        log(AppendRetried("account", 1, "no answer"))
    log(GAUGES)
    assert len(lines.read()) == BURST
    time.now += WINDOW
    log(GAUGES)
    log(GAUGES)
    assert [line.get("suppressed") for line in lines.read()[BURST:]] == [2]


def test_a_lost_journal_is_an_error_and_never_left_out(lines: Lines) -> None:
    log = EventLog(Time())
    for number in range(BURST + 5):
        log(JournalLost("account", number, "alice", 9, 4))
    assert [line["partition"] for line in lines.read()] == list(range(BURST + 5))


def test_no_field_hides_what_every_line_has() -> None:
    assert {name_of(event) for event in LEVELS} >= {"handler_failed", "journal_lost", "loop_blocked"}
    for event in LEVELS:
        assert not {"time", "level", "event", "node"} & set(event.__slots__)
