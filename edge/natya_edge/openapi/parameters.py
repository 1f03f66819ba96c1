"""Parameters of operations: the key in the path, headers that mean something, and a query's own in the query string."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from natya.names import MAX_KEY_BYTES
from natya_edge.headers import MAX_IDEMPOTENCY_KEY
from natya_edge.openapi.examples import example
from natya_edge.openapi.schemas import Schema

KEY: Final = "Key"
IDEMPOTENCY_KEY: Final = "IdempotencyKey"
IF_MATCH: Final = "IfMatch"
IF_NONE_MATCH: Final = "IfNoneMatch"
PREFER: Final = "Prefer"
PREFER_ASYNC: Final = "PreferAsync"

COMPONENTS: Final[Mapping[str, Schema]] = {
    KEY: {
        "name": "key",
        "in": "path",
        "required": True,
        "description": f"Which actor. At most {MAX_KEY_BYTES} bytes of UTF-8, which may be fewer characters; percent-encoded.",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_BYTES},
        "example": "alice",
    },
    IDEMPOTENCY_KEY: {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Names one intention. Sent again within a day, with the same method and body, it gets the answer of the first "
        "time and nothing runs twice. Without one, do not repeat a request whose outcome you do not know.",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_IDEMPOTENCY_KEY,
            "pattern": r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$",
        },
    },
    IF_MATCH: {
        "name": "If-Match",
        "in": "header",
        "description": 'Run only at this version of the actor, as its ETag says it: `"7"`. Otherwise 412.',
        "schema": {"type": "string", "pattern": r'^("(0|[1-9][0-9]{0,15})"|\*)$'},
    },
    IF_NONE_MATCH: {
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag` of what is known already: 304 if it is still that.",
        "schema": {"type": "string"},
    },
    PREFER: {
        "name": "Prefer",
        "in": "header",
        "description": "`wait=10`: how many seconds the answer may take (RFC 7240).",
        "schema": {"type": "string"},
    },
    PREFER_ASYNC: {
        "name": "Prefer",
        "in": "header",
        "description": "`wait=10`: how many seconds the answer may take (RFC 7240). `respond-async`: store the command and answer 202; with "
        "`respond-async, wait=5` only if there is no answer within that time.",
        "schema": {"type": "string"},
    },
}


def references(names: Iterable[str]) -> list[Schema]:
    """References to these components, as a list of parameters."""
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def fields(state: Schema) -> Schema:
    """The parameter that selects what of a state is sent."""
    names = sorted(state.get("properties", {}))
    return {
        "name": "fields",
        "in": "query",
        "description": "Fields of the state to send; all if absent. `a.b` selects within a field.",
        "style": "form",
        "explode": False,
        "schema": {"type": "array", "items": {"enum": names} if names else {"type": "string"}, "minItems": 1},
    }


def in_query(schema: Schema, components: Mapping[str, Schema]) -> list[Schema]:
    """The parameters of a query, each as the query string takes it. ``schema`` is of the object that holds them all."""
    required = schema.get("required", ())
    return [_in_query(name, each, name in required, components) for name, each in schema.get("properties", {}).items()]


def _in_query(name: str, schema: Schema, required: bool, components: Mapping[str, Schema]) -> Schema:
    parameter: Schema = {"name": name, "in": "query"}
    if required:
        parameter["required"] = True
    described = {keyword: value for keyword, value in schema.items() if keyword != "description"}
    notes = [schema["description"]] if "description" in schema else []
    value, nullable = _without_null(described)
    if nullable:
        notes.append("Empty for null.")
    if notes:
        parameter["description"] = " ".join(notes)
    if _is_object(value, components):
        parameter["content"] = {"application/json": {"schema": value}}
    else:
        parameter["schema"] = value
    if required and (shown := example(value, components, name)) is not None:
        parameter["example"] = shown
    return parameter


def _without_null(schema: Schema) -> tuple[Schema, bool]:
    """What may be null, described by its other alternatives, and whether an empty text then stands for null: a query string
    has no null of its own."""
    alternatives: list[Schema] = schema.get("anyOf", [])
    others = [each for each in alternatives if each.get("type") != "null"]
    if len(others) == len(alternatives) or not others:
        return schema, False
    rest = {keyword: value for keyword, value in schema.items() if keyword != "anyOf"}
    if rest.get("default", ...) is None:
        del rest["default"]
    found = {**rest, "anyOf": others} if len(others) > 1 else {**others[0], **rest}
    return found, all(each.get("type") != "string" for each in others)


def _is_object(schema: Schema, components: Mapping[str, Schema]) -> bool:
    if "$ref" in schema:
        schema = components[schema["$ref"].rpartition("/")[2]]
    return schema.get("type") == "object"
