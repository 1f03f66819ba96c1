"""A query string as a search: ``balance[gte]=100&sort=-balance&limit=20``.

====================================  ==========================================================
``balance=100``                       equal; repeated: one of these
``balance[ne]=100``                   not equal; repeated: none of these
``balance[gt]=``, gte, lt, lte        in a range
``key[prefix]=``                      text that begins so
``owner[null]=true``                  null, or not
``sort=-balance,key``                 order, ``-`` for descending
``fields=balance``                    what of the states to send
``limit=20``, ``cursor=``             how many, and where to go on
====================================  ==========================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from natya.errors import FieldError, Invalid
from natya.ports.listing import Condition, Operator, Order, Scalar, Search
from natya_edge.listing.cursor import read_cursor
from natya_edge.listing.fields import Searchable
from natya_edge.scalars import Schema, Unfit, read_scalar
from natya_edge.text import query_pairs

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1_000
MAX_CONDITIONS: Final = 100
"""Values that a list may be filtered by."""
MAX_SORTED: Final = 4

_OPERATED: Final = re.compile(r"(.*)\[(.*)\]\Z", re.DOTALL)
_LIMIT: Final = re.compile(r"[0-9]{1,9}\Z", re.ASCII)
_BOOLEAN: Final[Schema] = {"type": "boolean"}
_SINGLE: Final = ("sort", "fields", "limit", "cursor")
_OPERATORS: Final = {"eq": Operator.IN, **{str(each): each for each in Operator if each is not Operator.IN}}


@dataclass(frozen=True, slots=True)
class ListRequest:
    """What a client asks for. ``fields`` are names as they came, None for whole states."""

    search: Search
    fields: str | None


def read_request(kind: str, fields: Mapping[str, Searchable], query_string: str) -> ListRequest:
    """The search that a query string asks for among the ``fields`` of a kind. Raises `Invalid`, which names what is wrong."""
    pairs = query_pairs(query_string)
    if len(pairs) > MAX_CONDITIONS + len(_SINGLE):
        raise Invalid(f"{len(pairs)} parameters: a list takes at most {MAX_CONDITIONS} values to filter by")
    errors: list[FieldError] = []
    options: dict[str, str] = {}
    compared: dict[tuple[str, Operator], tuple[Searchable, list[Scalar]]] = {}
    for name, text in pairs:
        try:
            if name in _SINGLE:
                if name in options:
                    raise Unfit("is given more than once")
                options[name] = text
                continue
            field, operator, value = _comparison(kind, fields, name, text)
            compared.setdefault((field.name, operator), (field, []))[1].append(value)
        except Unfit as error:
            errors.append(FieldError(field=name, message=str(error)))
    where: list[Condition] = []
    for (name, operator), (field, values) in compared.items():
        try:
            where.append(_condition(field, operator, values))
        except Unfit as error:
            errors.append(FieldError(field=f"{name}[{operator}]", message=str(error)))
    search = Search(kind, where)
    for name, read in (("sort", _sorted), ("limit", _limited)):
        if name in options:
            try:
                search = read(search, fields, options[name])
            except Unfit as error:
                errors.append(FieldError(field=name, message=str(error)))
    if errors:
        raise Invalid(f"{kind}: " + "; ".join(f"{e['field']} {e['message']}" for e in errors[:3]), errors=errors)
    if "cursor" in options:
        search = replace(search, after=read_cursor(search, options["cursor"]))
    return ListRequest(search, options.get("fields"))


def _comparison(kind: str, fields: Mapping[str, Searchable], name: str, text: str) -> tuple[Searchable, Operator, Scalar]:
    """The field, the operator and the value that a parameter means."""
    operated = _OPERATED.match(name)
    plain, code = (operated[1], operated[2]) if operated else (name, "eq")
    field = fields.get(plain)
    if field is None:
        raise Unfit(
            f"is none of the fields by which {kind} can be filtered, which are {', '.join(sorted(fields))}; other parameters "
            f"are {', '.join(_SINGLE)}"
        )
    if code == "null":
        return field, Operator.IN if read_scalar(text, [_BOOLEAN]) else Operator.NOT, None
    operator = _OPERATORS.get(code)
    if operator is None:
        raise Unfit(f"has an operator that there is not: use one of {', '.join((*_OPERATORS, 'null'))}")
    return field, operator, field.read(text)


def _condition(field: Searchable, operator: Operator, values: Sequence[Scalar]) -> Condition:
    if operator not in (Operator.IN, Operator.NOT):
        if len(values) > 1:
            raise Unfit("is given more than once")
        if field.many:
            raise Unfit("cannot be: the field holds several values, which only eq and ne compare")
        if values[0] is None:
            raise Unfit("cannot be: nothing is above or below null")
        if operator is Operator.PREFIX and not (field.text and isinstance(values[0], str)):
            raise Unfit("is for text only")
    return Condition(field.field, operator, tuple(values))


def _sorted(search: Search, fields: Mapping[str, Searchable], text: str) -> Search:
    names = text.split(",")
    sortable = sorted(name for name, field in fields.items() if not field.many)
    if len(names) > MAX_SORTED:
        raise Unfit(f"has {len(names)} fields, at most {MAX_SORTED} are taken")
    order: list[Order] = []
    for name in names:
        field = fields.get(name.removeprefix("-"))
        if field is None or field.many:
            raise Unfit(f"must be some of {', '.join(sortable)}, with commas between them and - before what descends")
        if any(field.field == one.field for one in order):
            raise Unfit(f"names {field.name} twice")
        order.append(Order(field.field, name.startswith("-")))
    return replace(search, order=order)


def _limited(search: Search, fields: Mapping[str, Searchable], text: str) -> Search:
    if not _LIMIT.match(text) or not 1 <= int(text) <= MAX_LIMIT:
        raise Unfit(f"must be a whole number from 1 to {MAX_LIMIT}")
    return replace(search, limit=int(text))
