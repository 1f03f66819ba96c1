"""JSON text and BSON values: the same document on both sides, and the way back exact.

Objects, arrays, strings, booleans, null and doubles are the same thing in both. What differs:

- A whole number beyond 64 bit becomes a Decimal128 (34 digits); one with more digits is refused.
- BSON has no NUL in field names; a dot cannot be written in a query path; a leading dollar means an operator, and a
  ``$ref`` makes drivers see a database reference. So in names ``.``, ``%``, NUL and a leading ``$`` are percent-encoded, as
  in the tokens of keys: ``alice@example.com`` is ``alice@example%2Ecom``.
- MongoDB stores at most 100 levels of nesting: deeper is refused here, where it costs only its own document.

Strings that a schema calls dates are the business of `natya.mongo.dates`. This runs on the event loop for every document
written: about 4 µs for a small one.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, Final, NoReturn

import orjson
from bson.decimal128 import Decimal128

MAX_DEPTH: Final = 100
"""Levels of nesting that MongoDB documents, the document itself being the first."""

_ENCODED = re.compile(r"[.%\x00]|\A\$")
_ESCAPE = re.compile(r"%([0-9A-F]{2})")
_MOST = 10**34
_ROUNDED = 2.0**63
_PLAIN = frozenset({str, bool, type(None)})
_SPELLING: Final = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z


class NotStorable(Exception):
    """Raised when a document cannot be stored as it is, wherever and however often; the text says why."""


class _Wide(Exception):
    """Raised when a number may be a whole number that was rounded while it was read."""


def parse(text: bytes) -> Any:
    """The value of a JSON text, ready to be stored. Raises `NotStorable`."""
    try:
        try:
            return _store(orjson.loads(text), 2, False)
        except _Wide:
            return _store(json.loads(text, parse_constant=_refuse_constant), 2, True)
    except (ValueError, RecursionError) as error:
        raise NotStorable(f"not JSON: {error}") from error


def dump(value: Any) -> bytes:
    """The JSON text of a stored value."""
    return orjson.dumps(value, default=_foreign, option=_SPELLING)


@lru_cache(maxsize=4096)
def store_name(name: str) -> str:
    """The field name that stands for ``name`` in a document."""
    return _ENCODED.sub(lambda found: f"%{ord(found[0]):02X}", name)


def load_name(name: str) -> str:
    """The name that a field name stands for."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), name) if "%" in name else name


def load_names(value: Any) -> Any:
    """``value`` with all its names as they were."""
    kind = type(value)
    if kind is dict:
        return {load_name(name): load_names(member) for name, member in value.items()}
    if kind is list:
        return [load_names(member) for member in value]
    return value


def _store(value: Any, depth: int, exact: bool) -> Any:
    kind = type(value)
    if kind is int:
        return value if -(1 << 63) <= value < 1 << 63 else _decimal(value)
    if kind is float:
        if not exact and not -_ROUNDED < value < _ROUNDED:
            raise _Wide
        return value
    if kind in _PLAIN:
        return value
    if depth > MAX_DEPTH:
        raise NotStorable(f"nested deeper than {MAX_DEPTH} levels")
    # Plain members are looked at in place: a call for each would double the time.
    below = depth + 1
    if kind is dict:
        return {
            store_name(name): member if type(member) in _PLAIN else _store(member, below, exact)
            for name, member in value.items()
        }
    return [member if type(member) in _PLAIN else _store(member, below, exact) for member in value]


def _decimal(value: int) -> Decimal128:
    if not -_MOST < value < _MOST:
        raise NotStorable("a whole number has more than 34 digits")
    return Decimal128(str(value))


def _foreign(value: Any) -> Any:
    """What only somebody else can have put into a document is told as well as JSON can: never an error for the others."""
    if isinstance(value, Decimal128):
        number = value.to_decimal()
        return orjson.Fragment(format(number, "f")) if number.is_finite() else None
    return str(value)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
