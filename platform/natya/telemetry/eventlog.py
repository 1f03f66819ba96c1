"""Which events are logged, at which level, and how often.

What repeats while something is down is limited for each type of event, and the lines left out are counted in a later one, so that
trouble neither floods the log nor passes unseen. A failed handler is never left out: its caller was given the ``error_id``.
Only its traceback is, when the same failure repeats.
"""

from __future__ import annotations

import dataclasses
import logging
import re
import time
import traceback
from collections.abc import Callable
from typing import Any, Final

from natya.telemetry import events as e
from natya.telemetry.logs import EVENT, FIELDS

INFO, WARNING, ERROR = logging.INFO, logging.WARNING, logging.ERROR

LEVELS: Final[dict[type[e.Event], int]] = {
    e.MemberJoined: INFO,
    e.MemberEnded: INFO,
    e.HandedOver: INFO,
    e.PartitionClaimed: INFO,
    e.PartitionRecovered: INFO,
    e.PartitionReleased: INFO,
    e.Fenced: INFO,
    e.Connection: INFO,
    e.LeaseLost: WARNING,
    e.AppendRetried: WARNING,
    e.ActorNotLoaded: WARNING,
    e.TellRetried: WARNING,
    e.DeadLettered: WARNING,
    e.SuspectAlone: WARNING,
    e.OutgoingRetried: WARNING,
    e.SnapshotsFailed: WARNING,
    e.LoopBlocked: WARNING,
    e.NobodyCanRead: WARNING,
    e.HandlerFailed: ERROR,
    e.JournalLost: ERROR,
}
"""Events that are not here are only counted. A `Connection` that is lost is a warning."""

LIMITED: Final = frozenset({t for t, level in LEVELS.items() if level == WARNING} - {e.LeaseLost, e.LoopBlocked})
BURST: Final = 5
WINDOW: Final = 10.0
"""At most `BURST` lines of a limited type in so many seconds; likewise tracebacks of one failure."""

FAILURES_LIMIT: Final = 1_000

_log = logging.getLogger("natya.events")
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclasses.dataclass(slots=True)
class _Window:
    """Lines of one sort: since when, how many were written and how many left out."""

    began: float
    written: int = 0
    suppressed: int = 0
    error_id: str = ""
    """Of the last failure that was written with its traceback."""


class EventLog:
    """A telemetry hook. ``clock`` gives seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[type[e.Event], _Window] = {}
        self._failures: dict[tuple[str, str, str], _Window] = {}

    def __call__(self, event: e.Event) -> None:
        kind = type(event)
        level = LEVELS.get(kind)
        if level is None:
            if kind is e.NodeGauges:
                self._end_windows()
        elif isinstance(event, e.HandlerFailed):
            self._failed(event)
        elif isinstance(event, e.Connection) and event.state != "connected":
            write(WARNING, event)
        elif kind not in LIMITED or self._may(kind):
            write(level, event)

    def _may(self, kind: type[e.Event]) -> bool:
        now = self._clock()
        window = self._windows.get(kind)
        if window is None or now - window.began >= WINDOW:
            self._end(kind, now)
            window = self._windows[kind] = _Window(now)
        if window.written >= BURST:
            window.suppressed += 1
            return False
        window.written += 1
        return True

    def _end_windows(self) -> None:
        """Say how much was left out, of what has gone quiet too; comes once a second."""
        now = self._clock()
        for kind in [kind for kind, window in self._windows.items() if now - window.began >= WINDOW]:
            self._end(kind, now)

    def _end(self, kind: type[e.Event], now: float) -> None:
        window = self._windows.pop(kind, None)
        if window is not None and window.suppressed:
            _write(LEVELS[kind], name_of(kind), {"suppressed": window.suppressed, "seconds": round(now - window.began, 3)})

    def _failed(self, event: e.HandlerFailed) -> None:
        error = event.error
        now = self._clock()
        key = (event.kind, event.method, type(error).__qualname__)
        window = self._failures.get(key)
        if window is None or now - window.began >= WINDOW:
            if len(self._failures) >= FAILURES_LIMIT:
                self._failures.clear()
            window = self._failures[key] = _Window(now)
        fields = fields_of(event)
        if window.written < BURST:
            window.written += 1
            window.error_id = event.error_id
            fields["traceback"] = "".join(traceback.format_exception(error))
        else:
            fields["traceback_in"] = window.error_id
        _write(LEVELS[e.HandlerFailed], name_of(e.HandlerFailed), fields)


def name_of(event: type[e.Event]) -> str:
    """How an event is called in logs: ``PartitionClaimed`` is ``partition_claimed``."""
    return _WORDS.sub("_", event.__name__).lower()


def fields_of(event: e.Event) -> dict[str, Any]:
    """The fields of an event as they are logged: an exception as its type and text."""
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(event):
        value = getattr(event, field.name)
        if isinstance(value, BaseException):
            value = "".join(traceback.format_exception_only(value)).strip()
        elif isinstance(value, float):
            value = round(value, 6)
        fields[field.name] = value
    return fields


def write(level: int, event: e.Event) -> None:
    """Log one event now, whatever was logged before. May be called from any thread."""
    _write(level, name_of(type(event)), fields_of(event))


def _write(level: int, name: str, fields: dict[str, Any]) -> None:
    if _log.isEnabledFor(level):
        _log.log(level, "%s %s", name, fields, extra={EVENT: name, FIELDS: fields})
