"""Logs: one JSON object a line on standard error, for events and for what libraries log alike."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final

from natya.errors import ConfigurationError

EVENT: Final = "natya_event"
FIELDS: Final = "natya_fields"
"""Attributes of a `logging.LogRecord`: an event's name, and its fields as a dict."""

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class JsonFormatter(logging.Formatter):
    """A record as one line: ``{"time", "level", "event", "node", …}``, time in UTC to the millisecond.

    A record that is no event has ``event: "log"`` and ``logger``, ``message`` and, with an exception, ``traceback``.
    """

    def __init__(self, node: str) -> None:
        super().__init__()
        self._node = node

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line: dict[str, Any] = {
            "time": time,
            "level": record.levelname.lower(),
            "event": getattr(record, EVENT, "log"),
            "node": self._node,
        }
        fields = getattr(record, FIELDS, None)
        if fields is None:
            fields = {"logger": record.name, "message": record.getMessage()}
            if record.exc_info:
                fields["traceback"] = self.formatException(record.exc_info)
            elif record.stack_info:
                fields["traceback"] = record.stack_info
        return json.dumps(line | fields, default=str)


def setup_logs(node: str, level: str) -> None:
    """Log as JSON lines to standard error, from ``level`` up, in place of whatever was set up before; Python's warnings
    too. Raises `ConfigurationError` for a level that is none."""
    name = level.upper()
    if name not in LEVELS:
        raise ConfigurationError(f"{level!r} is no log level: set NATYA_LOG_LEVEL to one of {', '.join(LEVELS)}")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(node))
    root = logging.getLogger()
    for former in list(root.handlers):
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(name)
    logging.captureWarnings(True)
