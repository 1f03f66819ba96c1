"""Text from a URL as the scalar that a JSON Schema declares."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

Schema = Mapping[str, Any]

_INTEGER: Final = re.compile(r"-?[0-9]{1,20}\Z", re.ASCII)
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?\Z", re.ASCII)
_BOOLEAN: Final = {"true": True, "false": False, "1": True, "0": False}


class Unfit(Exception):
    """Raised when a text cannot be of the declared type; says what it must be."""


def alternatives(root: Schema, schema: Schema, seen: tuple[str, ...] = ()) -> Iterator[Schema]:
    """The schemas of which a value must fit one, references (into ``root``) and unions resolved."""
    reference = schema.get("$ref")
    if isinstance(reference, str):
        if reference not in seen:
            name = reference.removeprefix("#/$defs/")
            yield from alternatives(root, root.get("$defs", {}).get(name, {}), (*seen, reference))
        return
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema:
            for part in schema[union]:
                yield from alternatives(root, part, seen)
            return
    yield schema


def type_of(schema: Schema) -> str:
    """The type a schema declares: empty if it takes anything, ``choice`` if it only lists values."""
    declared = schema.get("type")
    if isinstance(declared, str):
        return declared
    return "choice" if "enum" in schema or "const" in schema else ""


def read_scalar(text: str, schemas: Sequence[Schema]) -> Any:
    """One text as the first type it fits: a listed value, null, a number, a boolean, text, an object.

    Where text is taken too, a fraction stays text: as a float a decimal would lose digits. Raises `Unfit`.
    """
    types = {type_of(schema) for schema in schemas}
    for schema in schemas:
        for value in (schema["const"],) if "const" in schema else schema.get("enum", ()):
            if text == _spelled(value):
                return value
    if not text and "null" in types and "string" not in types:
        return None
    if "integer" in types and _INTEGER.match(text) and -(1 << 63) <= int(text) < 1 << 63:
        return int(text)
    if "number" in types and "string" not in types and _NUMBER.match(text):
        return _number(text)
    if "boolean" in types and text.lower() in _BOOLEAN:
        return _BOOLEAN[text.lower()]
    if "string" in types or "" in types:
        return text
    if "object" in types:
        return _object(text)
    raise Unfit(f"must be {_wanted(types, schemas)}")


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _number(text: str) -> int | float:
    if _INTEGER.match(text) and -(1 << 63) <= int(text) < 1 << 63:
        return int(text)
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise Unfit("is too large a number")
    return number


def _object(text: str) -> Any:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise Unfit("must be a JSON object, percent-encoded")
    return found


_NAMES: Final = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "empty",
}


def _wanted(types: set[str], schemas: Sequence[Schema]) -> str:
    """What would have been right, for people."""
    if "choice" in types:
        listed = [_spelled(v) for s in schemas for v in s.get("enum", [s["const"]] if "const" in s else [])]
        return f"one of {', '.join(listed)}"
    return " or ".join(name for type, name in _NAMES.items() if type in types) or "something else"
