"""Cursors: a position in a list as text for URLs, good for the list that it is of.

A cursor says where a page ended, and a hash of what was listed: kind, conditions and order. It is no secret and is not signed. Whoever
makes one up has only chosen where to begin: what may be seen is decided anew with each page.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib
import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import orjson

from natya.errors import Invalid
from natya.ports.listing import Position, Scalar, Search

MAX_CURSOR: Final = 4_000
"""Characters, so that a URL with one is still taken everywhere."""

_EPOCH: Final = datetime.datetime(1970, 1, 1)  # noqa: DTZ001  as the port has dates: without a zone, in UTC
_MS: Final = datetime.timedelta(milliseconds=1)
_FIRST: Final = datetime.datetime(1, 1, 1)  # noqa: DTZ001
_LAST: Final = datetime.datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001
_BASE64: Final = re.compile(r"[A-Za-z0-9_-]+\Z", re.ASCII)
_BROKEN: Final = "is no cursor of a list: send next as it came in the page before"


def write_cursor(search: Search, position: Position) -> str:
    """The cursor behind which ``search`` goes on. Raises `Invalid` if text that the list is ordered by is too long for one."""
    parts = [_digest(search), *map(_dump, position.values), position.key]
    cursor = base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()
    if len(cursor) > MAX_CURSOR:
        raise Invalid(
            f"the list cannot go on behind the actor {position.key!r}: what it is sorted by is too long there; sort by "
            "another field, or by key",
            field="sort",
        )
    return cursor


def read_cursor(search: Search, cursor: str) -> Position:
    """The position that ``cursor`` tells. Raises `Invalid` if it is none, or of another search."""
    if len(cursor) > MAX_CURSOR or not _BASE64.match(cursor):
        raise Invalid(f"cursor {_BROKEN}", field="cursor")
    try:
        parts = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, orjson.JSONDecodeError) as error:
        raise Invalid(f"cursor {_BROKEN}", field="cursor") from error
    if not isinstance(parts, list) or not parts or not isinstance(parts[0], str):
        raise Invalid(f"cursor {_BROKEN}", field="cursor")
    digest, *values = parts
    if digest != _digest(search):
        raise Invalid(
            "cursor is of another list: with it kind, filters and sort must be those of the page before", field="cursor"
        )
    if len(values) != len(search.order_to_key) or not isinstance(values[-1], str):
        raise Invalid(f"cursor {_BROKEN}", field="cursor")
    return Position(tuple(map(_load, values[:-1])), values[-1])


def _digest(search: Search) -> str:
    """What tells one list from another. In which order conditions are given does not matter."""
    where = sorted(
        [str(each.field), each.operator, sorted(f"{type(value).__name__} {value}" for value in each.values)]
        for each in search.where
    )
    order = [[str(one.field), one.descending] for one in search.order]
    return hashlib.blake2b(orjson.dumps([search.kind, where, order]), digest_size=6).hexdigest()


def _dump(value: Scalar) -> Any:
    match value:
        case Decimal():
            return {"number": str(value)}
        case int() if not -(1 << 63) <= value < 1 << 63:
            return {"number": str(value)}
        case datetime.datetime():
            return {"ms": (value - _EPOCH) // _MS}
        case _:
            return value


def _load(value: Any) -> Scalar:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case {"ms": int(ms)} if (_FIRST - _EPOCH) // _MS <= ms <= (_LAST - _EPOCH) // _MS + 999:
            return _EPOCH + ms * _MS
        case {"number": str(text)} if len(text) <= 50:
            try:
                number = Decimal(text)
            except InvalidOperation:
                number = Decimal("NaN")
            if number.is_finite() and number.adjusted() < 100:
                return number
    raise Invalid(f"cursor {_BROKEN}", field="cursor")
