"""The client's source: what is the same in all, the models, a class for each kind and one that has them all."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import black
from black.mode import TargetVersion

from natya_ops.http_client import runtime
from natya_ops.http_client.models import Types, pascal, write_models
from natya_ops.http_client.operations import Operation, read

_LINE: Final = 125
_RESERVED: Final = frozenset({"key", "self"})


def write_module(document: Mapping[str, Any], source: str) -> str:
    """A module for the edge that this OpenAPI document describes; ``source`` is where it came from."""
    description = read(document)
    models, types = write_models(description)
    base = ast.parse(inspect.getsource(runtime))
    kinds: dict[str, list[str]] = {kind: [] for kind in description.kinds}
    for operation, its in zip(description.operations, types, strict=True):
        kinds[operation.kind].append(_method(operation, its))
    body = [
        *_sources(models.body),
        *_runtime(),
        *(_kind(kind, description.kinds[kind], methods) for kind, methods in kinds.items()),
        _client(kinds),
    ]
    head = f'"""Actors over HTTP, typed. Made by `natya client` from {source}: make it anew when kinds change."""'
    text = "\n\n\n".join(body)
    return black.format_str("\n\n".join((head, _imports((*base.body, *models.body), text), text)), mode=_mode())


def _mode() -> black.Mode:
    return black.Mode(target_versions={TargetVersion.PY311}, line_length=_LINE)


def _sources(nodes: Iterable[ast.stmt]) -> Iterator[str]:
    for node in nodes:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            yield ast.unparse(node)


def _runtime() -> Iterator[str]:
    """The runtime as it is written, without its imports."""
    source = inspect.getsource(runtime)
    last = max(node.end_lineno or 0 for node in ast.parse(source).body if isinstance(node, ast.Import | ast.ImportFrom))
    yield "\n".join(source.splitlines()[last:]).strip()


def _imports(nodes: Iterable[ast.stmt], text: str) -> str:
    """All imports of the parts, once each, as far as ``text`` uses them."""
    used = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    plain: set[str] = set()
    named: dict[str, set[str]] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            plain |= {alias.name for alias in node.names if alias.name.partition(".")[0] in used}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module != "__future__":
            named.setdefault(node.module, set()).update(alias.name for alias in node.names if alias.name in used)
    lines = [f"import {name}" for name in sorted(plain)]
    lines += [f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(named.items()) if names]
    return "\n".join(("from __future__ import annotations", "", *lines))


def _kind(kind: str, doc: str, methods: Iterable[str]) -> str:
    parts = [f"class {pascal(kind)}Actor(Reference):", _doc(doc or f"One {kind}.", 4), "", f'    KIND = "{kind}"', ""]
    return "\n".join((*parts, *methods))


def _method(operation: Operation, types: Types) -> str:
    if operation.state:
        return (
            f"    async def state(self) -> tuple[{types.result}, int]:\n{_doc('The state and its version.', 8)}\n"
            f"        return await self._state(TypeAdapter[{types.result}]({types.result}))\n"
        )
    names = sorted(operation.parameters, key=lambda name: name not in operation.required)
    signature = [_parameter(name, types, name in operation.required) for name in names]
    arguments = ", ".join(f'"{name}": {types.parameters[name][0]}' for name in names)
    how = "query" if operation.query else "command"
    head = f"    async def {operation.name}(self{', *, ' if signature else ''}{', '.join(signature)}) -> {types.result}:"
    adapter = f"TypeAdapter[{types.result}]({types.result})"
    return f'{head}\n{_doc(operation.doc, 8)}\n        return await self._{how}("{operation.name}", {adapter}, {{{arguments}}})\n'


def _parameter(name: str, types: Types, required: bool) -> str:
    identifier, type = types.parameters[name]
    return f"{identifier}: {type}" if required else f"{identifier}: {type} = None"


def _client(kinds: Iterable[str]) -> str:
    lines = ["class Natya(Connection):", _doc("All kinds of one edge: `async with Natya(url, token) as natya`.", 4), ""]
    for kind in kinds:
        name = f"{pascal(kind)}Actor"
        options = 'key: str, *, idempotency_key: str = "", if_version: int | None = None'
        lines += [
            f"    def {kind}(self, {options}) -> {name}:",
            f"        return {name}(self, key, idempotency_key=idempotency_key, if_version=if_version)",
            "",
        ]
    return "\n".join(lines)


def _doc(text: str, indent: int) -> str:
    """A docstring that is data: whatever stands in it, it ends where it should."""
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if escaped.endswith('"'):
        escaped = f'{escaped[:-1]}\\"'
    space = " " * indent
    lines = [line if not line else space + line for line in escaped.splitlines()]
    return f'{space}"""{chr(10).join(lines).strip()}"""'
