"""What schemathesis must be told beyond the document: limits that JSON Schema can only say in words. Loaded by ``SCHEMATHESIS_HOOKS``."""

from __future__ import annotations

from typing import Any

import schemathesis
from schemathesis import GenerationMode, HookContext

LARGEST = (1 << 63) - 1


@schemathesis.hook
def before_load_schema(context: HookContext, raw_schema: dict[str, Any]) -> None:
    """Its generators do not know that the format ``int64`` bounds a number, and cannot make up a cursor."""
    _bound(raw_schema)
    for path in raw_schema["paths"].values():
        for operation in path.values():
            given = operation.get("parameters", [])
            operation["parameters"] = [each for each in given if each.get("name") != "cursor"]


@schemathesis.hook
def filter_path_parameters(context: HookContext, path_parameters: dict[str, Any] | None) -> bool:
    """Keys are limited in bytes, schemas count characters; and its HTTP client takes dots out of a path."""
    key = str((path_parameters or {}).get("key", "x"))
    return len(key.encode(errors="replace")) <= 200 and key not in (".", "..")


@schemathesis.hook
def before_call(context: HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    """What a schema allows and words do not is put right in requests that are meant to be good ones: it takes the quotes that
    the pattern of If-Match asks for off again, and a list cannot be sorted by one field in both directions."""
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    headers: Any = case.headers or {}
    query: Any = case.query or {}
    if str(given := headers.get("If-Match", "")).isdigit():
        headers["If-Match"] = f'"{given}"'
    if sort := query.get("sort"):
        names = sort.split(",") if isinstance(sort, str) else [str(name) for name in sort]
        once = list({name.removeprefix("-"): name for name in names}.values())
        query["sort"] = ",".join(once) if isinstance(sort, str) else once


def _bound(node: Any) -> None:
    if isinstance(node, list):
        for item in node:
            _bound(item)
    elif isinstance(node, dict):
        if node.get("format") == "int64":
            node.setdefault("maximum", LARGEST)
            if "exclusiveMinimum" not in node:
                node.setdefault("minimum", -LARGEST - 1)
        for value in node.values():
            _bound(value)
