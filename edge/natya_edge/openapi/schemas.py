"""The JSON Schemas of one kind, moved into the document's components.

A manifest holds a schema for each method's parameters and result and for the state, each with definitions of its own, so one
model stands in several of them. Here it becomes one component, ``account.Balance``. Kinds have no dot in their names, so two
kinds never share one. Where two schemas of a kind use one name for models that differ (of two modules, or of one model as it
is read and as it is written) all of these carry their place as well: ``account.deposit.result.Balance``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

import orjson

Schema = dict[str, Any]

_LOCAL: Final = "#/$defs/"
_COMPONENTS: Final = "#/components/schemas/"
_NAME: Final = re.compile(r"[A-Za-z0-9._-]+\Z")
_MAPPINGS: Final = ("properties", "patternProperties", "$defs", "dependentSchemas")
"""Keywords whose values map names, which may look like keywords, to schemas."""
_DATA: Final = ("default", "const", "enum", "examples", "example")
"""Keywords whose values are data, not schemas."""


def component(name: str) -> Schema:
    """A reference to a schema of the document's components."""
    return {"$ref": _COMPONENTS + name}


class Schemas:
    """``places`` maps a place (``deposit.parameters``, ``state``) to its schema as the manifest has it; afterwards ``at`` maps
    it to the schema as the document has it, and ``components`` holds what those refer to."""

    def __init__(self, kind: str, places: Mapping[str, Schema]) -> None:
        self._kind = kind
        self._models = {place: _models(schema) for place, schema in places.items()}
        self._ambiguous = _ambiguous(self._models)
        self.components: dict[str, Schema] = {}
        for place, models in self._models.items():
            for name, model in models.items():
                self.components[self._name(place, name)] = self._moved(place, model)
        self.at = {place: self._moved(place, _root(schema)) for place, schema in places.items()}

    def _name(self, place: str, model: str) -> str:
        return f"{self._kind}.{place}.{model}" if model in self._ambiguous else f"{self._kind}.{model}"

    def _reference(self, place: str, local: str) -> str:
        return f"{_COMPONENTS}{self._name(place, local.removeprefix(_LOCAL))}"

    def _moved(self, place: str, schema: Schema) -> Schema:
        """A copy of ``schema`` that refers to components, without titles that only repeat a name."""

        def move(node: Any, named: str = "") -> Any:
            if isinstance(node, list):
                return [move(item) for item in node]
            if not isinstance(node, dict):
                return node
            moved: Schema = {}
            for keyword, value in node.items():
                if keyword == "$ref":
                    value = self._reference(place, value)
                elif keyword == "title" and named and value == _automatic_title(named):
                    continue
                elif keyword == "mapping" and named == "discriminator":
                    value = {tag: self._reference(place, each) for tag, each in value.items()}
                elif keyword == "discriminator":
                    value = move(value, "discriminator")
                elif keyword in _MAPPINGS:
                    value = {name: move(each, name) for name, each in value.items()}
                elif keyword not in _DATA:
                    value = move(value)
                moved[keyword] = value
            if moved.get("type") == "integer" and "enum" not in moved and "const" not in moved:
                moved["format"] = "int64"  # what a state, and so an actor, can hold
            return moved

        found: Schema = move(schema)
        return found


def _models(schema: Schema) -> dict[str, Schema]:
    """The models that a schema defines, and itself where it is one."""
    models: dict[str, Schema] = dict(schema.get("$defs", {}))
    if (name := _model_name(schema)) is not None:
        models[name] = {keyword: value for keyword, value in schema.items() if keyword != "$defs"}
    return models


def _root(schema: Schema) -> Schema:
    name = _model_name(schema)
    if name is not None:
        return {"$ref": _LOCAL + name}
    return {keyword: value for keyword, value in schema.items() if keyword != "$defs"}


def _model_name(schema: Schema) -> str | None:
    """The name of the model that a schema is as a whole, None if it is none that can be a component."""
    title = schema.get("title")
    if schema.get("type") != "object" or "properties" not in schema or not isinstance(title, str):
        return None
    return title if _NAME.match(title) and title not in schema.get("$defs", {}) else None


def _ambiguous(places: Mapping[str, Mapping[str, Schema]]) -> set[str]:
    """The names that stand for more than one model, with all that a model refers to taken as a part of it."""
    meanings: dict[str, set[bytes]] = defaultdict(set)
    for models in places.values():
        for name in models:
            parts = {part: models[part] for part in sorted(_reachable(name, models))}
            meanings[name].add(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS))
    return {name for name, found in meanings.items() if len(found) > 1}


def _reachable(name: str, models: Mapping[str, Schema]) -> set[str]:
    found: set[str] = set()
    ahead = [name]
    while ahead:
        if (name := ahead.pop()) not in found:
            found.add(name)
            ahead.extend(_references(models[name]))
    return found


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [name for item in node for name in _references(item)]
    if not isinstance(node, dict):
        return []
    own = node.get("$ref")
    inner = [name for keyword, value in node.items() if keyword not in _DATA for name in _references(value)]
    return [own.removeprefix(_LOCAL), *inner] if isinstance(own, str) else inner


def _automatic_title(name: str) -> str:
    """The title that pydantic makes up for a field."""
    return name.title().replace("_", " ").strip()
