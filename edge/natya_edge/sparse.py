"""Sparse states: ``fields=balance,owner.name`` sends no more of a state than these."""

from __future__ import annotations

from typing import Any, Final

from natya.errors import FieldError, Invalid
from natya_edge.listing.fields import reach
from natya_edge.scalars import Schema
from natya_edge.text import query_pairs

MAX_FIELDS: Final = 100

Selection = dict[str, "Selection"]
"""Name → what is selected below it; nothing: all of it."""


def read_selection(kind: str, schema: Schema, query_string: str) -> Selection:
    """What a query string that may hold nothing but ``fields`` selects of a state. Raises `Invalid`."""
    given = query_pairs(query_string)
    if not given:
        return {}
    if len(given) > 1 or given[0][0] != "fields":
        wrong = next((name for name, _ in given if name != "fields"), "fields")
        raise Invalid(f"the state of an actor takes one parameter, fields, once; not {wrong!r}", field=wrong)
    return read_fields(kind, schema, given[0][1])


def read_fields(kind: str, schema: Schema, text: str) -> Selection:
    """The selection that a parameter asks for. Raises `Invalid` for names that no state of the kind has."""
    names = text.split(",")
    if len(names) > MAX_FIELDS:
        raise Invalid(f"fields has {len(names)} names: at most {MAX_FIELDS} are taken", field="fields")
    selection: Selection = {}
    whole: set[str] = set()
    for name in names:
        path = name.split(".")
        if not reach(schema, path):
            known = ", ".join(sorted(schema.get("properties", {}))) or "none"
            message = f"{name!r} is no field of the state of {kind}; there is {known}"
            raise Invalid(f"fields: {message}", errors=[FieldError(field="fields", message=message)])
        whole.add(name)
        below = selection
        for step in path:
            below = below.setdefault(step, {})
    for name in whole:
        *path, last = name.split(".")
        below = selection
        for step in path:
            below = below.get(step, {})
        if last in below:
            below[last] = {}  # who asks for all of it, too, gets all of it
    return selection


def select(value: Any, selection: Selection) -> Any:
    """What is selected of ``value``; of each member, where it is a list."""
    if not selection:
        return value
    if isinstance(value, list):
        return [select(member, selection) for member in value]
    if isinstance(value, dict):
        return {name: select(value[name], below) for name, below in selection.items() if name in value}
    return value
