"""Query strings to parameters: text to what the method's JSON Schema says, so that the actor's strict validation takes it.

Only the *type* is decided here; ranges, patterns and what is required are the actor's to check. A name that is not declared
and a text that cannot be of the declared type are refused here, naming the field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from natya.errors import FieldError, Invalid
from natya_edge.text import query_pairs

Schema = Mapping[str, Any]

_INTEGER: Final = re.compile(r"-?[0-9]{1,20}\Z", re.ASCII)
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?\Z", re.ASCII)
_BOOLEAN: Final = {"true": True, "false": False, "1": True, "0": False}
_MAX_PARAMETERS: Final = 100


class _Unfit(Exception):
    """Raised when a text cannot be of the declared type; says what it must be."""


class Parameters:
    """The parameters of one query. ``where`` is how errors name it: ``kind.method``."""

    def __init__(self, where: str, schema: Schema) -> None:
        self._where = where
        self._root = schema
        self._declared: dict[str, Schema] = schema.get("properties", {})

    def body(self, query_string: str) -> bytes:
        """The JSON body of the message that a query string asks for. Raises `Invalid`, which names the fields."""
        if not query_string:
            return b""
        given: dict[str, list[str]] = {}
        pairs = query_pairs(query_string)
        if len(pairs) > _MAX_PARAMETERS:
            raise Invalid(f"{self._where}: {len(pairs)} parameters: at most {_MAX_PARAMETERS} are taken")
        for name, text in pairs:
            given.setdefault(name, []).append(text)
        values: dict[str, Any] = {}
        errors: list[FieldError] = []
        for name, texts in given.items():
            try:
                values[name] = self._value(name, texts)
            except _Unfit as error:
                errors.append(FieldError(field=name, message=str(error)))
        if errors:
            raise Invalid(f"{self._where}: " + "; ".join(f"{e['field']}: {e['message']}" for e in errors[:3]), errors=errors)
        return orjson.dumps(values) if values else b""

    def _value(self, name: str, texts: list[str]) -> Any:
        schema = self._declared.get(name)
        if schema is None:
            known = ", ".join(sorted(self._declared))
            raise _Unfit(
                f"is not a parameter of {self._where}, " + (f"which takes {known}" if known else "which takes none")
            )
        return self._convert(texts, list(self._alternatives(schema)))

    def _alternatives(self, schema: Schema, seen: tuple[str, ...] = ()) -> Iterator[Schema]:
        """The schemas of which a value must fit one, references and unions resolved."""
        reference = schema.get("$ref")
        if isinstance(reference, str):
            if reference not in seen:
                name = reference.removeprefix("#/$defs/")
                yield from self._alternatives(self._root.get("$defs", {}).get(name, {}), (*seen, reference))
            return
        for union in ("anyOf", "oneOf", "allOf"):
            if union in schema:
                for part in schema[union]:
                    yield from self._alternatives(part, seen)
                return
        yield schema

    def _convert(self, texts: list[str], alternatives: list[Schema]) -> Any:
        types = {_type(schema) for schema in alternatives}
        array = next((schema for schema in alternatives if _type(schema) == "array"), None)
        if array is not None and (len(texts) > 1 or not types & {"string", ""}):
            if texts == [""] and "null" in types:
                return None
            return [self._convert([text], self._item(array, number)) for number, text in enumerate(texts)]
        if len(texts) > 1:
            raise _Unfit("is given more than once")
        return _scalar(texts[0], types, alternatives)

    def _item(self, array: Schema, number: int) -> list[Schema]:
        """What the item of that number in an array must be."""
        fixed = array.get("prefixItems", ())
        schema = fixed[number] if number < len(fixed) else array.get("items", {})
        return list(self._alternatives(schema if isinstance(schema, dict) else {}))


def _type(schema: Schema) -> str:
    """The type a schema declares: empty if it takes anything, ``choice`` if it only lists values."""
    declared = schema.get("type")
    if isinstance(declared, str):
        return declared
    return "choice" if "enum" in schema or "const" in schema else ""


def _scalar(text: str, types: set[str], alternatives: list[Schema]) -> Any:
    """One text as the first type it fits: a listed value, null, a number, a boolean, text, an object.

    Where text is taken too, a fraction stays text: as a float a decimal would lose digits.
    """
    for schema in alternatives:
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
    raise _Unfit(f"must be {_wanted(types, alternatives)}")


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _number(text: str) -> int | float:
    if _INTEGER.match(text) and -(1 << 63) <= int(text) < 1 << 63:
        return int(text)
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _Unfit("is too large a number")
    return number


def _object(text: str) -> Any:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise _Unfit("must be a JSON object, percent-encoded")
    return found


_NAMES: Final = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "empty",
}


def _wanted(types: set[str], alternatives: list[Schema]) -> str:
    """What would have been right, for people."""
    if "choice" in types:
        listed = [_spelled(v) for s in alternatives for v in s.get("enum", [s["const"]] if "const" in s else [])]
        return f"one of {', '.join(listed)}"
    return " or ".join(name for type, name in _NAMES.items() if type in types) or "something else"
