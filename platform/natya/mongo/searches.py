"""A search as MongoDB's filter and sort, and where in it a document stands.

MongoDB sorts values of all types, but its range operators look at one type only. What comes after a position is therefore spelled
out, type by type: ``{$or: [same type and beyond, one of the types beyond]}``, for the first field; equal there and beyond in the
second; and so on down to the key. Each alternative is a range of an index on these fields with ``_id`` behind them.

No text of a caller becomes an operator, a path or a pattern: paths are made of names that a schema declares, percent-encoded as in
documents, and values are scalars.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from bson import decode
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.raw_bson import RawBSONDocument

from natya.mongo.documents import LENIENT
from natya.mongo.values import store_name
from natya.ports.listing import Condition, Field, Operator, Order, Position, Scalar, Search

Filter = dict[str, Any]

_TYPES: Final = ("number", "string", "bool", "date")
"""The types of values, in their order; null comes before them."""
_UNORDERED: Final = (
    "array", "object", "binData", "objectId", "regex", "timestamp", "javascript", "minKey", "maxKey",
)  # fmt: skip
"""Types that no list is ordered by."""
_RANGES: Final = {Operator.ABOVE: "$gt", Operator.FROM: "$gte", Operator.BELOW: "$lt", Operator.TO: "$lte"}
_FAR: Final = (datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31))  # noqa: DTZ001  as BSON dates are read
_LAST: Final = 0x10FFFF
_SURROGATES: Final = range(0xD800, 0xE000)


def filter_of(search: Search) -> Filter:
    """The documents of a page and of all pages behind it."""
    order = search.order_to_key
    parts: list[Filter] = [{"_id": {"$gte": ""}, "state": {"$exists": True}}]
    parts += [_condition(condition) for condition in search.where]
    if search.either:
        parts.append({"$or": [_condition(condition) for condition in search.either]})
    if unordered := [each for one in order[:-1] for each in _unordered(one.field)]:
        parts.append({"$nor": unordered})
    if search.after is not None:
        parts.append({"$or": _behind(order, search.after)})
    return {"$and": parts}


def sort_of(search: Search) -> list[tuple[str, int]]:
    return [(_path(one.field), -1 if one.descending else 1) for one in search.order_to_key]


def position_of(document: RawBSONDocument, search: Search) -> Position:
    """Where ``document``, found by ``search``, stands in its order."""
    fields = decode(document.raw, LENIENT)
    return Position(tuple(_value(fields, one.field) for one in search.order_to_key[:-1]), fields["_id"])


def _path(field: Field) -> str:
    return ".".join(["state", *map(store_name, field.path)]) if field.path else "_id"


def _condition(condition: Condition) -> Filter:
    path, values = _path(condition.field), [_stored(value) for value in condition.values]
    match condition.operator:
        case Operator.IN:
            return {path: {"$in": values}}
        case Operator.NOT:
            return {path: {"$nin": values}}
        case Operator.PREFIX:
            return {path: _prefix(str(values[0]))}
        case operator:
            return {path: {_RANGES[operator]: values[0]}}


def _prefix(text: str) -> Filter:
    """The range of all text that begins with ``text``."""
    kept = text.rstrip(chr(_LAST))
    if not kept:
        return {"$gte": text}
    following = ord(kept[-1]) + 1
    return {"$gte": text, "$lt": kept[:-1] + chr(_SURROGATES.stop if following in _SURROGATES else following)}


def _unordered(field: Field) -> list[Filter]:
    path = _path(field)
    found: list[Filter] = [{path: {"$type": list(_UNORDERED)}}]
    names = path.split(".")
    return found + [{".".join(names[:end]): {"$type": "array"}} for end in range(2, len(names))]


def _behind(order: Sequence[Order], position: Position) -> list[Filter]:
    """What comes behind a position: one filter for each way of doing so."""
    found: list[Filter] = []
    equal: Filter = {}
    for one, value in zip(order, (*position.values, position.key), strict=True):
        path, stored = _path(one.field), _stored(value)
        found += [{**equal, path: beyond} for beyond in _beyond(stored, one.descending)]
        equal[path] = stored
    return found


def _beyond(value: Any, descending: bool) -> list[Any]:
    """Conditions on a field, one of which its values beyond ``value`` meet."""
    rank = _rank(value)
    if not descending:
        found: list[Any] = [] if value is None else [{"$gt": value}]
        return [*found, {"$type": list(_TYPES[rank:])}] if rank < len(_TYPES) else found
    if value is None:
        return []
    below: list[Any] = [{"$lt": value}, None]
    return [*below, {"$type": list(_TYPES[: rank - 1])}] if rank > 1 else below


def _rank(value: Any) -> int:
    """0 for null, then the place of the value's type in `_TYPES`, from 1."""
    match value:
        case None:
            return 0
        case bool():
            return 3
        case int() | float() | Decimal128():
            return 1
        case str():
            return 2
        case _:
            return 4


def _stored(value: Scalar) -> Any:
    """``value`` as documents have it."""
    match value:
        case Decimal():
            return Decimal128(value)
        case int() if not -(1 << 63) <= value < 1 << 63:
            return Decimal128(str(value))
        case _:
            return value


def _value(fields: Mapping[str, Any], field: Field) -> Scalar:
    found: Any = fields["_id"] if not field.path else fields["state"]
    for name in field.path:
        found = found.get(store_name(name)) if isinstance(found, dict) else None
    match found:
        case Decimal128():
            return found.to_decimal()
        case DatetimeMS():  # only somebody else can have stored a year that Python does not know
            return _FAR[int(found) > 0]
        case None | bool() | int() | float() | str() | datetime.datetime():
            return found
        case _:
            raise TypeError(f"{type(found).__name__} has no place in a list")
