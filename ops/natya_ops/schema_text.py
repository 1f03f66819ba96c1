"""JSON Schema in one line, for people: ``{amount: integer > 0, note?: string = ""}``.

Only what manifests hold is spelled out; of what is rarer, the type is given and the schema itself has the rest. Models are
named where they are used and written out once, below.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

_REFERENCE: Final = "#/$defs/"
_LIMITS: Final = (("exclusiveMinimum", ">"), ("minimum", ">="), ("exclusiveMaximum", "<"), ("maximum", "<="))
_LENGTHS: Final = (("minLength", "maxLength", "characters"), ("minItems", "maxItems", "items"))


def type_text(schema: Schema) -> str:
    """The type that a schema describes."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_REFERENCE)
    if "const" in schema:
        return _value(schema["const"])
    if "enum" in schema:
        return " | ".join(map(_value, schema["enum"]))
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " | ".join(dict.fromkeys(map(type_text, schema[several])))
    if len(schema.get("allOf", ())) == 1:
        return type_text(schema["allOf"][0])
    kind = schema.get("type")
    if kind == "object":
        return _object(schema)
    if kind == "array":
        return _array(schema) + _bounds(schema)
    if isinstance(kind, list):
        return " | ".join(map(str, kind))
    if kind is None:
        return "any"
    return _with_format(str(kind), schema) + _bounds(schema)


def parameters_text(schema: Schema) -> str:
    """The parameters of a method as they are called: ``amount: integer > 0, note: string = ""``."""
    return ", ".join(_fields(schema, mark=""))


def models(*schemas: Schema) -> dict[str, str]:
    """The models that schemas refer to, written out: name → type, sorted by name."""
    found = {name: type_text(model) for schema in schemas for name, model in schema.get("$defs", {}).items()}
    return dict(sorted(found.items()))


def _object(schema: Schema) -> str:
    if schema.get("properties"):
        return "{" + ", ".join(_fields(schema, mark="?")) + "}"
    values = schema.get("additionalProperties")
    if isinstance(values, dict) and values:
        return "{string: " + type_text(values) + "}"
    return "{}" if values is False else "object"


def _fields(schema: Schema, *, mark: str) -> list[str]:
    """The fields of an object; those that may be left out carry their default, or else ``mark`` or an ellipsis."""
    required = schema.get("required", ())
    fields = []
    for name, field in schema.get("properties", {}).items():
        text = f"{name}: {type_text(field)}"
        if name not in required:
            if "default" in field:
                text += f" = {_value(field['default'])}"
            elif mark:
                text = f"{name}{mark}: {type_text(field)}"
            else:
                text += " = …"
        fields.append(text)
    return fields


def _array(schema: Schema) -> str:
    if "prefixItems" in schema:
        return "[" + ", ".join(map(type_text, schema["prefixItems"])) + "]"
    return f"[{type_text(schema.get('items', {}))}, …]"


def _with_format(kind: str, schema: Schema) -> str:
    if "format" in schema:
        return f"{kind} ({schema['format']})"
    if "pattern" in schema:
        return f"{kind} like {schema['pattern']}"
    return kind


def _bounds(schema: Schema) -> str:
    if "minimum" in schema and "maximum" in schema:
        text = f" from {schema['minimum']} to {schema['maximum']}"
    else:
        text = "".join(f" {sign} {schema[name]}" for name, sign in _LIMITS if name in schema)
    for least, most, what in _LENGTHS:
        if least in schema and most in schema:
            text += f" of {schema[least]} to {schema[most]} {what}"
        elif least in schema:
            text += f" of at least {schema[least]} {what}"
        elif most in schema:
            text += f" of at most {schema[most]} {what}"
    return text


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
