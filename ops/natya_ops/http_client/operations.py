"""What a client can do, read out of an OpenAPI document of the edge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Schema = dict[str, Any]

_REFERENCE: Final = "#/components/schemas/"
_STATE: Final = "state"


@dataclass(frozen=True, slots=True)
class Operation:
    """A command, a query, or the state of one kind. ``parameters`` are its schemas by name, in order."""

    kind: str
    name: str
    query: bool
    doc: str
    parameters: Mapping[str, Schema]
    required: frozenset[str]
    result: Schema

    @property
    def state(self) -> bool:
        return self.name == _STATE


@dataclass(frozen=True, slots=True)
class Description:
    """``schemas`` are those that the operations refer to; ``given`` names those of them that are sent, the others only come."""

    kinds: Mapping[str, str]
    operations: tuple[Operation, ...]
    schemas: Mapping[str, Schema]
    given: frozenset[str] = field(default=frozenset())


def read(document: Mapping[str, Any]) -> Description:
    """The operations on actors in a document; ``kinds`` maps each kind to its description."""
    found = tuple(_operations(document))
    docs = {tag["name"]: tag.get("description", "") for tag in document["tags"]}
    schemas: Mapping[str, Schema] = document["components"]["schemas"]
    given = _reachable([each for operation in found for each in operation.parameters.values()], schemas)
    used = given | _reachable([operation.result for operation in found], schemas)
    return Description(
        {operation.kind: docs.get(operation.kind, "") for operation in found},
        found,
        {name: schemas[name] for name in sorted(used)},
        frozenset(given),
    )


def _operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        match path.split("/"):
            case ["", "v1", "actors", kind, "{key}", *rest]:
                for method, operation in methods.items():
                    query = method == "get"
                    parameters = _in_query(operation) if query else _in_body(operation, schemas)
                    result = operation["responses"]["200"]["content"]["application/json"]["schema"]
                    yield Operation(kind, rest[0] if rest else _STATE, query, _doc(operation), *parameters, result)


def _doc(operation: Schema) -> str:
    """Summary and description; the latter begins with the former where that is a part of a longer text."""
    summary, text = operation["summary"], operation.get("description", "")
    if not text:
        return f"{summary}."
    return text if text.replace("`", "").startswith(summary) else f"{summary}.\n\n{text}"


def _in_query(operation: Schema) -> tuple[dict[str, Schema], frozenset[str]]:
    own = [each for each in operation["parameters"] if each.get("in") == "query"]
    schemas = {each["name"]: each["schema"] if "schema" in each else _json(each) for each in own}
    return schemas, frozenset(each["name"] for each in own if each.get("required"))


def _in_body(operation: Schema, schemas: Mapping[str, Schema]) -> tuple[dict[str, Schema], frozenset[str]]:
    if "requestBody" not in operation:
        return {}, frozenset()
    body = schemas[_json(operation["requestBody"])["$ref"].removeprefix(_REFERENCE)]
    return body["properties"], frozenset(body.get("required", ()))


def _json(holder: Schema) -> Schema:
    found: Schema = holder["content"]["application/json"]["schema"]
    return found


def _reachable(node: Any, schemas: Mapping[str, Schema]) -> set[str]:
    """The names of the schemas that ``node`` refers to, directly or not."""
    found: set[str] = set()
    ahead: list[Any] = [node]
    while ahead:
        node = ahead.pop()
        if isinstance(node, list):
            ahead.extend(node)
        elif isinstance(node, dict):
            name = str(node.get("$ref", "")).removeprefix(_REFERENCE)
            if name and name not in found:
                found.add(name)
                ahead.append(schemas[name])
            ahead.extend(node.values())
    return found


__all__ = ["Description", "Operation", "Schema", "read"]
