"""The stream of events in the document."""

from __future__ import annotations

from typing import Final

from natya.access import Access
from natya_edge.openapi import problems
from natya_edge.openapi.access import security
from natya_edge.openapi.schemas import Schema

TAG: Final[Schema] = {"name": "events", "description": "What actors publish, as it happens."}

_TEXT: Final = (
    "Server-sent events without an end: every event that an actor emits and you may see, in the order in which they were stored. "
    "The `data` of each is JSON with `id`, `kind`, `key`, `event`, `time` and `body`. To go on after a break send the last id "
    "as `Last-Event-ID` or `after`."
)
_PROBLEMS: Final = (
    problems.INVALID,
    problems.UNAUTHENTICATED,
    problems.FORBIDDEN,
    problems.NOT_FOUND,
    problems.TOO_MANY,
    problems.INTERNAL,
    problems.UNAVAILABLE,
)


def paths() -> dict[str, Schema]:
    """The one path."""
    events: Schema = {
        "operationId": "events",
        "tags": [TAG["name"]],
        "summary": "Events as they are published",
        "description": _TEXT,
        "security": security(Access()),
        "parameters": [
            *(_filter(name) for name in ("kind", "key", "event")),
            {
                "name": "from",
                "in": "query",
                "description": "Where to begin, if not behind an event.",
                "schema": {"enum": ["now", "start"], "default": "now"},
            },
            {"name": "after", "in": "query", "description": "The id to go on behind.", "schema": _ID},
            {"name": "Last-Event-ID", "in": "header", "description": "As `after`, and goes before it.", "schema": _ID},
        ],
        "responses": {
            "200": {
                "description": "The stream.",
                "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
            **problems.responses(_PROBLEMS),
        },
    }
    return {"/v1/events": {"get": events}}


_ID: Final[Schema] = {"type": "string", "pattern": "^[0-9]+$"}


def _filter(name: str) -> Schema:
    schema: Schema = {"type": "array", "items": {"type": "string"}}
    return {"name": name, "in": "query", "description": f"Only of this {name}; repeated: any of them.", "schema": schema}
