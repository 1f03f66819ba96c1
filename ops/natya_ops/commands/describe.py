"""``natya describe``."""

from __future__ import annotations

import json
from textwrap import indent
from typing import TYPE_CHECKING, Any

import typer

from natya_ops.commands.connection import Data, Namespace, Nats, find_platform
from natya_ops.commands.messages import Kind
from natya_ops.commands.output import AsJson, run, show
from natya_ops.schema_text import models, parameters_text, type_text

if TYPE_CHECKING:
    from natya.access import Access
    from natya.settings import Settings


def register(app: typer.Typer) -> None:
    app.command()(describe)


def describe(kind: Kind, nats: Nats = None, namespace: Namespace = None, data: Data = None, as_json: AsJson = False) -> None:
    """Show the methods of a kind: what they take, what they answer, what they do."""
    found = run(_describe(find_platform(data=data, nats=nats, namespace=namespace), kind), f"Reading the manifest of {kind}")
    show(found, as_json, lambda: render(found))


async def _describe(settings: Settings, kind: str) -> dict[str, Any]:
    from natya_ops.cluster import open_cluster

    async with open_cluster(settings) as cluster:
        return {**cluster.manifest(kind), "nodes": cluster.nodes(kind)}


def render(manifest: dict[str, Any]) -> str:
    """The manifest for people."""
    from natya.access import Access

    parts = [manifest["kind"]]
    if manifest["doc"]:
        parts[0] += f"\n{indent(manifest['doc'], '  ')}"
    methods: dict[str, dict[str, Any]] = manifest["methods"]
    access = Access.read(manifest)
    rules = {name: Access.read(method) for name, method in methods.items()}
    others = {name: "" if rule == access else str(rule) for name, rule in rules.items()}
    for title, query in (("commands", False), ("queries", True)):
        chosen = {name: method for name, method in methods.items() if method["query"] is query}
        if chosen:
            parts.append("\n".join([title, *[_method(name, method, others[name]) for name, method in chosen.items()]]))
    schemas = [part for method in methods.values() for part in (method["parameters"], method["result"])]
    if not manifest["stateless"]:
        parts.append(f"state\n  {type_text(manifest['state'])}")
        schemas.append(manifest["state"])
    if named := models(*schemas):
        parts.append("\n".join(["where", *[f"  {name} is {text}" for name, text in named.items()]]))
    parts.append(f"over HTTP for {access}, if not said otherwise")
    parts.append(_place(manifest))
    parts.append(f"natya call {manifest['kind']} KEY {_example(methods, rules)}")
    return "\n\n".join(parts)


def _method(name: str, method: dict[str, Any], access: str) -> str:
    line = f"  {name}({parameters_text(method['parameters'])}) -> {type_text(method['result'])}"
    if access:
        line += f"   [{access}]"
    return line + (f"\n{indent(method['doc'], '      ')}" if method["doc"] else "")


def _place(manifest: dict[str, Any]) -> str:
    what = "stateless" if manifest["stateless"] else f"schema {manifest['schema']}"
    version = f"version {manifest['version']}, " if manifest["version"] else ""
    nodes = ", ".join(manifest["nodes"]) or "no node"
    return f"{version}digest {manifest['digest']}, {what}, {manifest['partitions']} partitions, hosted by {nodes}"


def _example(methods: dict[str, dict[str, Any]], rules: dict[str, Access]) -> str:
    """The first command that is called like any other, with arguments of the right types where that is easy."""
    commands = [name for name, method in methods.items() if not method["query"] and not rules[name].scope]
    name = commands[0] if commands else next(iter(methods))
    properties = methods[name]["parameters"].get("properties", {})
    required = methods[name]["parameters"].get("required", [])
    simple: dict[Any, Any] = {"integer": 1, "number": 1.0, "string": "text", "boolean": True}
    body = {field: simple.get(properties[field].get("type")) for field in required}
    return f"{name} '{json.dumps(body)}'" if body else name
