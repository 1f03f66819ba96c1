"""The list of one kind's actors: a parameter for each declared field and operator, and what a page looks like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from natya.access import Access
from natya.ports.listing import Operator
from natya_edge.listing.fields import Searchable, searchable_fields
from natya_edge.listing.freshness import AS_OF
from natya_edge.listing.request import DEFAULT_LIMIT, MAX_LIMIT, MAX_SORTED
from natya_edge.openapi import parameters, problems
from natya_edge.openapi.access import security, sentence
from natya_edge.openapi.schemas import Schema

_TEXT: Final = (
    "The actors that ever had a state of their own, as far as you may see them, from snapshots: each as it was at `version`, which was "
    "`written` then. It may have gone on since: whatever was answered, or had run, before `Natya-As-Of` is in the list. While `next` is not null there may be more: send it as `cursor`."
)
_RANGE: Final = {
    Operator.ABOVE: "above",
    Operator.FROM: "from",
    Operator.BELOW: "below",
    Operator.TO: "up to",
}
_PROBLEMS: Final = (
    problems.INVALID,
    problems.UNAUTHENTICATED,
    problems.FORBIDDEN,
    problems.NOT_FOUND,
    problems.PRECONDITION_FAILED,
    problems.TOO_MANY,
    problems.INTERNAL,
    problems.UNAVAILABLE,
    problems.UNKNOWN,
)


def describe_list(manifest: Mapping[str, Any]) -> Schema:
    """The operation that lists the kind with this manifest."""
    kind, access, fields = manifest["kind"], Access.read(manifest), searchable_fields(manifest)
    page: Schema = {
        "type": "object",
        "required": ["actors", "next"],
        "properties": {
            "actors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["key", "version", "schema", "written", "state"],
                    "properties": {
                        "key": {"type": "string"},
                        "version": {"type": "integer", "format": "int64"},
                        "schema": {"type": "integer", "format": "int64"},
                        "written": {"type": "string", "format": "date-time"},
                        "state": {"type": "object", "description": f"As of `{kind}.state`, or the `fields` of it."},
                    },
                },
            },
            "next": {"type": ["string", "null"]},
        },
    }
    return {
        "operationId": f"list_{kind}",
        "tags": [kind],
        "summary": f"List and search {kind} actors",
        "description": "\n\n".join(part for part in (_TEXT, sentence(access)) if part),
        "security": security(access),
        "parameters": [
            *(each for field in fields.values() for each in _of_field(field)),
            _sort(fields.values()),
            parameters.fields(manifest["state"]),
            _parameter(
                "limit",
                "Actors on a page.",
                {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
            ),
            _parameter("cursor", "The `next` of the page before, with the same filters and `sort`.", {"type": "string"}),
            *parameters.references((parameters.IF_NONE_MATCH,)),
        ],
        "responses": {
            "200": {
                "description": "A page.",
                "headers": {
                    name: {"$ref": f"#/components/headers/{name}"}
                    for name in ("X-Request-Id", "RateLimit-Policy", "RateLimit", "ETag", "Link", AS_OF)
                },
                "content": {"application/json": {"schema": page}},
            },
            "304": {"$ref": "#/components/responses/NotModified"},
            **problems.responses(_PROBLEMS),
        },
    }


def _of_field(field: Searchable) -> Iterator[Schema]:
    value = _value(field)
    several: Schema = {"type": "array", "items": value}
    yield _parameter(field.name, "Equal; repeated: one of them.", several)
    yield _parameter(f"{field.name}[ne]", "Not equal; repeated: none of them.", several)
    if not field.many:
        for operator, what in _RANGE.items():
            yield _parameter(f"{field.name}[{operator}]", f"Values {what} this.", value)
        if field.text:
            yield _parameter(f"{field.name}[prefix]", "Text that begins so.", {"type": "string"})
    yield _parameter(f"{field.name}[null]", "Null or absent, or neither.", {"type": "boolean"})


def _value(field: Searchable) -> Schema:
    """What the field is compared with: anything of its type, also what no state has. Null has an operator of its own."""
    schemas = [
        {name: value for name, value in schema.items() if name in ("type", "format")} if "type" in schema else dict(schema)
        for schema in field.schemas
        if schema.get("type") != "null"
    ]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas} if schemas else {}


def _sort(fields: Iterable[Searchable]) -> Schema:
    names = [sign + field.name for field in fields if not field.many for sign in ("", "-")]
    schema: Schema = {"type": "array", "items": {"enum": names}, "minItems": 1, "maxItems": MAX_SORTED, "uniqueItems": True}
    return {
        **_parameter("sort", "What comes first; `-` before what descends. No field twice.", schema),
        "style": "form",
        "explode": False,
    }


def _parameter(name: str, what: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "description": what, "schema": schema}
