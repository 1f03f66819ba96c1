"""What a client asks for: which events, and from where on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from natya.errors import FieldError, Invalid
from natya.ports.events import Wanted
from natya_edge.headers import Headers
from natya_edge.text import query_pairs

LAST_EVENT_ID: Final = "Last-Event-ID"
_POSITION: Final = re.compile(r"[0-9]{1,18}\Z", re.ASCII)
_FILTERS: Final = ("kind", "key", "event")
_KNOWN: Final = (*_FILTERS, "after", "from")


class From(Enum):
    """Where a stream begins."""

    NOW = auto()
    START = auto()
    """The oldest event that is kept."""
    AFTER = auto()
    """Behind a position."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a stream begins; ``after`` counts with `From.AFTER` alone."""

    source: From
    after: int = 0


def read_asked(query: str, headers: Headers) -> tuple[Wanted, Start]:
    """Raises `Invalid`. The header goes before the query string: who connects again sends both, and the header is newer."""
    given: dict[str, list[str]] = {name: [] for name in _KNOWN}
    wrong = []
    for name, value in query_pairs(query):
        if name in given:
            given[name].append(value)
        else:
            wrong.append(FieldError(field=name, message=f"there is no such parameter: use {', '.join(_KNOWN)}"))
    wrong += [FieldError(field=name, message="may be there once") for name in ("after", "from") if len(given[name]) > 1]
    if given["after"] and given["from"]:
        wrong.append(FieldError(field="from", message="cannot stand beside after: one says where to begin"))
    if wrong:
        raise Invalid(f"events: {wrong[0]['field']} {wrong[0]['message']}", errors=wrong)
    wanted = Wanted.of(*(given[name] for name in _FILTERS))
    if header := headers.get(LAST_EVENT_ID, "").strip():
        return wanted, Start(From.AFTER, _position(header, LAST_EVENT_ID))
    if given["after"]:
        return wanted, Start(From.AFTER, _position(given["after"][0], "after"))
    return wanted, Start(_source(given["from"][0]) if given["from"] else From.NOW)


def _position(text: str, field: str) -> int:
    if not _POSITION.match(text):
        raise Invalid(f"{field} must be the id of an event, a whole number, not {text!r}", field=field)
    return int(text)


def _source(text: str) -> From:
    match text:
        case "now":
            return From.NOW
        case "start":
            return From.START
        case _:
            raise Invalid(f"from must be now or start, not {text!r}", field="from")
