"""Server-sent events as bytes: https://html.spec.whatwg.org/multipage/server-sent-events.html

A block without data tells a client no event, but its id is remembered for the next connection: that is what heartbeats use.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import orjson

from natya.ports.events import Event

CONTENT_TYPE: Final = "text/event-stream"


def event(event: Event) -> bytes:
    """One event: named ``<kind>.<event>``, a name that none of our own messages has."""
    data = {
        "id": event.id,
        "kind": event.kind,
        "key": event.key,
        "event": event.name,
        "time": _time(event.time),
        "body": _body(event.body),
    }
    return _block(f"{event.kind}.{event.name}", data, event.sequence)


def gap(after: int, first: int, detail: str) -> bytes:
    """What was behind ``after`` cannot be had any more; events go on with ``first``."""
    return _block("gap", {"detail": detail, "after": after, "first": first}, first - 1)


def end(reason: str, detail: str, position: int, retry: float) -> bytes:
    """The last message: why, and from where to go on after ``retry`` seconds."""
    return b"retry: %d\n" % round(retry * 1000) + _block(
        "end", {"reason": reason, "detail": detail, "after": position}, position
    )


def hello(position: int, retry: float) -> bytes:
    """The first message: how long to wait before connecting again, and the position in case that is needed at once."""
    return b"retry: %d\nid: %d\n\n" % (round(retry * 1000), position)


def heartbeat(position: int, comment: str) -> bytes:
    """A sign of life, and the position."""
    return b": %s\nid: %d\n\n" % (comment.encode(), position)


def _block(name: str, data: dict[str, Any], id: int) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (id, name.encode(), orjson.dumps(data))


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _body(body: bytes) -> Any:
    """The JSON text as it is, if it can stand in one line; what a foreign program has published may be anything."""
    if not body:
        return {}
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode(errors="replace")
    return parsed if b"\n" in body or b"\r" in body else orjson.Fragment(body)
