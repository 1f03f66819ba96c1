"""What schemathesis must be told beyond the document: limits that JSON Schema can only say in words. Loaded by ``SCHEMATHESIS_HOOKS``."""

from __future__ import annotations

import re
from typing import Any

import schemathesis
from schemathesis import HookContext

LARGEST = (1 << 63) - 1
VERSION = re.compile(r'"[0-9]{1,16}"\Z|\*\Z')


@schemathesis.hook
def before_load_schema(context: HookContext, raw_schema: dict[str, Any]) -> None:
    """Its generators do not know that the format ``int64`` bounds a number."""
    _bound(raw_schema)


@schemathesis.hook
def filter_path_parameters(context: HookContext, path_parameters: dict[str, Any]) -> bool:
    """Keys are limited in bytes, schemas count characters; and its HTTP client takes dots out of a path."""
    key = str(path_parameters.get("key", "x"))
    return len(key.encode(errors="replace")) <= 200 and key not in (".", "..")


@schemathesis.hook
def filter_headers(context: HookContext, headers: dict[str, Any]) -> bool:
    """It takes the quotes that the pattern of If-Match asks for off again."""
    return "If-Match" not in headers or VERSION.match(str(headers["If-Match"])) is not None


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
