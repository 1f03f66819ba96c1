"""One kind in the document: a path for each command and query, one for the state, and a tag that holds them together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from natya.access import Access
from natya_edge.openapi import parameters, problems
from natya_edge.openapi.access import security, sentence
from natya_edge.openapi.examples import example
from natya_edge.openapi.lists import describe_list
from natya_edge.openapi.schemas import Schema, Schemas

Manifest = Mapping[str, Any]

_ANY: Final = (
    problems.INVALID,
    problems.UNAUTHENTICATED,
    problems.FORBIDDEN,
    problems.NOT_FOUND,
    problems.TOO_MANY,
    problems.INTERNAL,
    problems.UNAVAILABLE,
    problems.UNKNOWN,
)
_QUERY: Final = (*_ANY, problems.REJECTED, problems.TOO_LARGE)
_COMMAND: Final = (
    *_ANY,
    problems.BODY_TIMEOUT,
    problems.REJECTED,
    problems.PRECONDITION_FAILED,
    problems.TOO_LARGE,
    problems.UNSUPPORTED_MEDIA_TYPE,
    problems.ID_REUSED,
)


@dataclass(frozen=True, slots=True)
class KindPart:
    """What one kind adds to the document."""

    tag: Schema
    paths: dict[str, Schema]
    schemas: dict[str, Schema]


def describe_kind(manifest: Manifest) -> KindPart:
    """The part of the kind with this manifest."""
    kind: str = manifest["kind"]
    methods: Mapping[str, Manifest] = manifest["methods"]
    schemas = Schemas(kind, dict(_places(manifest)))
    base = f"/v1/actors/{kind}/{{key}}"
    paths: dict[str, Schema] = {}
    if not manifest["stateless"]:
        paths[f"/v1/actors/{kind}"] = {"get": describe_list(manifest)}
        paths[base] = {"get": _state(kind, manifest, schemas)}
    for name, method in methods.items():
        operation = _query(kind, name, method, schemas) if method["query"] else _command(kind, name, method, schemas)
        if not method["query"]:
            operation["responses"]["200"]["links"] = _links(manifest)
        paths[f"{base}/{name}"] = {"get" if method["query"] else "post": operation}
    return KindPart(_tag(manifest), paths, schemas.components)


def _places(manifest: Manifest) -> list[tuple[str, Schema]]:
    places = [] if manifest["stateless"] else [("state", manifest["state"])]
    for name, method in manifest["methods"].items():
        given = {keyword: value for keyword, value in method["parameters"].items() if keyword != "title"}
        if not method["query"] and given.get("properties"):
            given["title"] = f"{name}.parameters"  # so it becomes a component, which clients need for a body
        places += [(f"{name}.parameters", given), (f"{name}.result", method["result"])]
    return places


def _links(manifest: Manifest) -> Schema:
    """What can be asked of an actor after a command: its state, and the queries that need no more than its key."""
    queries = [
        name for name, method in manifest["methods"].items() if method["query"] and not method["parameters"].get("required")
    ]
    names = queries if manifest["stateless"] else ["state", *queries]
    return {
        name: {"operationId": f"{manifest['kind']}.{name}", "parameters": {"key": "$request.path.key"}} for name in names
    }


def _tag(manifest: Manifest) -> Schema:
    version = f"Version {manifest['version']}." if manifest["version"] else ""
    text = _paragraphs(manifest["doc"], version)
    return {"name": manifest["kind"], "description": text} if text else {"name": manifest["kind"]}


def _command(kind: str, name: str, method: Manifest, schemas: Schemas) -> Schema:
    operation = _operation(kind, name, method)
    operation["parameters"] = parameters.references(
        (parameters.KEY, parameters.IDEMPOTENCY_KEY, parameters.IF_MATCH, parameters.PREFER_ASYNC)
    )
    if method["parameters"].get("properties"):
        schema = schemas.at[f"{name}.parameters"]
        operation["requestBody"] = {
            "required": bool(method["parameters"].get("required")),
            "content": {"application/json": _shown(schema, schemas)},
        }
    operation["responses"] = {
        "200": _ok("The result. The change is durable.", schemas.at[f"{name}.result"], schemas),
        "202": {"$ref": "#/components/responses/Accepted"},
        **problems.responses(_COMMAND),
    }
    return operation


def _query(kind: str, name: str, method: Manifest, schemas: Schemas) -> Schema:
    operation = _operation(kind, name, method)
    operation["parameters"] = [
        *parameters.references((parameters.KEY, parameters.PREFER)),
        *parameters.in_query(schemas.at[f"{name}.parameters"], schemas.components),
    ]
    what = f"The result. It may be used again for {method['max_age']:g} s." if method["max_age"] else "The result."
    operation["responses"] = {"200": _ok(what, schemas.at[f"{name}.result"], schemas), **problems.responses(_QUERY)}
    return operation


def _state(kind: str, manifest: Manifest, schemas: Schemas) -> Schema:
    access = Access.read(manifest)
    text = "All that the actor remembers, as of its last command. An actor that nobody has used has its first state."
    ok = _ok("The state; `ETag` is its version.", schemas.at["state"], schemas)
    ok["headers"]["ETag"] = {"$ref": "#/components/headers/ETag"}
    return {
        "operationId": f"{kind}.state",
        "tags": [kind],
        "summary": f"The state of one {kind}",
        "description": _paragraphs(text, sentence(access)),
        "security": security(access),
        "parameters": [
            *parameters.references((parameters.KEY, parameters.IF_NONE_MATCH, parameters.PREFER)),
            parameters.fields(manifest["state"]),
        ],
        "responses": {
            "200": ok,
            "304": {"$ref": "#/components/responses/NotModified"},
            **problems.responses((*_ANY, problems.PRECONDITION_FAILED)),
        },
    }


def _operation(kind: str, name: str, method: Manifest) -> Schema:
    summary = _summary(method["doc"])
    access = Access.read(method)
    text = _paragraphs(method["doc"] if method["doc"].rstrip(".").replace("`", "") != summary else "", sentence(access))
    operation: Schema = {"operationId": f"{kind}.{name}", "tags": [kind], "summary": summary or name}
    if text:
        operation["description"] = text
    operation["security"] = security(access)
    if method.get("deprecated"):
        operation["deprecated"] = True
    return operation


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def _summary(doc: str) -> str:
    """A docstring's first sentence, as the plain text that a summary is."""
    first = " ".join(doc.replace("`", "").partition("\n\n")[0].split())
    return first.partition(". ")[0].removesuffix(".")


def _ok(what: str, schema: Schema, schemas: Schemas) -> Schema:
    return {
        "description": what,
        "headers": {
            name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", "RateLimit-Policy", "RateLimit")
        },
        "content": {"application/json": _shown(schema, schemas)},
    }


def _shown(schema: Schema, schemas: Schemas) -> Schema:
    shown = example(schema, schemas.components)
    return {"schema": schema} if shown is None else {"schema": schema, "example": shown}
