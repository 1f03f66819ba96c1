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
    """It takes the quotes that the pattern of If-Match asks for off again."""
    headers: Any = case.headers
    given = str((headers or {}).get("If-Match", ""))
    if given.isdigit() and case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE:
        headers["If-Match"] = f'"{given}"'


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
