"""Examples of values, from what a schema says: its own examples first, then its default, then something small that fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from natya_edge.openapi.schemas import Schema

_OF_FORMAT: Final = {
    "date": "2026-05-04",
    "date-time": "2026-05-04T12:30:00Z",
    "time": "12:30:00",
    "duration": "PT1H30M",
    "uuid": "0b9ee3a8-5a3c-4a4e-9b0e-2f6b8d1c7a55",
    "email": "ada@example.com",
    "uri": "https://example.com/",
    "base64url": "bmF0eWE=",
}
_NUMBER: Final = 5
_DEEPEST: Final = 6


def example(schema: Schema, components: Mapping[str, Schema], name: str = "", depth: int = 0) -> Any:
    """A value that fits ``schema``, None where there is none to be found easily. ``name`` is the field's."""
    if "$ref" in schema:
        if depth >= _DEEPEST:
            return None
        return example(components[schema["$ref"].rpartition("/")[2]], components, name, depth + 1)
    for keyword in ("examples", "enum"):
        if schema.get(keyword):
            return schema[keyword][0]
    for keyword in ("const", "default"):
        if schema.get(keyword):  # what is empty shows nothing
            return schema[keyword]
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema:
            return example(schema[union][0], components, name, depth + 1)
    match schema.get("type"):
        case "object":
            return _object(schema, components, depth)
        case "array":
            return _array(schema, components, name, depth)
        case "integer" | "number":
            return _number(schema)
        case "boolean":
            return True
        case "string":
            return _text(schema, name)
        case _:
            return None


def _object(schema: Schema, components: Mapping[str, Schema], depth: int) -> Any:
    required = schema.get("required", ())
    found = {name: example(each, components, name, depth + 1) for name, each in schema.get("properties", {}).items()}
    return {name: value for name, value in found.items() if value is not None or name in required}


def _array(schema: Schema, components: Mapping[str, Schema], name: str, depth: int) -> Any:
    fixed = [example(each, components, name, depth + 1) for each in schema.get("prefixItems", ())]
    if fixed or depth >= _DEEPEST or not isinstance(items := schema.get("items"), dict):
        return fixed
    item = example(items, components, name, depth + 1)
    return [] if item is None else [item]


def _number(schema: Schema) -> Any:
    least = schema.get("minimum", schema.get("exclusiveMinimum", _NUMBER - 1) + 1)
    most = schema.get("maximum", schema.get("exclusiveMaximum", _NUMBER + 1) - 1)
    number = max(least, min(_NUMBER, most))
    step = schema.get("multipleOf")
    return number if step is None else -(-number // step) * step


def _text(schema: Schema, name: str) -> str | None:
    if (format := schema.get("format")) is not None:
        return _OF_FORMAT.get(format)
    if "pattern" in schema:
        return None
    text = (name or "text").replace("_", " ")
    text = text.ljust(schema.get("minLength", 0), ".")
    return text[: schema.get("maxLength", len(text))]
