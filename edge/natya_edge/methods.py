"""What the manifests say of methods, made ready for requests once per manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from natya.errors import UnknownKind, UnknownMethod
from natya_edge.parameters import Parameters


class Method:
    """One command or query, as far as the edge must know it. ``max_age`` in seconds, None: answers must not be reused."""

    __slots__ = ("max_age", "name", "parameters", "query", "scope", "where")

    def __init__(self, kind: str, name: str, manifest: Mapping[str, Any]) -> None:
        self.where = f"{kind}.{name}"
        self.name = name
        self.query: bool = manifest["query"]
        self.scope: str = manifest["scope"]
        self.max_age: float | None = manifest["max_age"]
        self.parameters = Parameters(self.where, manifest["parameters"])


class Methods:
    """Kind → method, from manifests that may be replaced at any time."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[Mapping[str, Any], dict[str, Method]]] = {}

    def find(self, manifests: Mapping[str, dict[str, Any]], kind: str, name: str) -> Method:
        """Raises `UnknownKind`, `UnknownMethod`."""
        methods = self.of(manifests, kind)
        method = methods.get(name)
        if method is None:
            raise UnknownMethod(
                f"{kind} has no method {name!r}; it has {', '.join(sorted(methods))}", methods=sorted(methods)
            )
        return method

    def of(self, manifests: Mapping[str, dict[str, Any]], kind: str) -> dict[str, Method]:
        """All methods of a kind. Raises `UnknownKind`."""
        manifest = manifests.get(kind)
        if manifest is None:
            names = ", ".join(sorted(manifests)) or "none"
            raise UnknownKind(f"no kind {kind!r} is deployed; there is {names}", kind=kind)
        read = self._read.get(kind)
        if read is None or read[0] is not manifest:
            methods = {name: Method(kind, name, method) for name, method in manifest["methods"].items()}
            self._read[kind] = read = (manifest, methods)
        return read[1]
