"""What the manifests say of kinds and methods, made ready for requests once per manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from natya.errors import UnknownKind, UnknownMethod
from natya_edge.access import Rule
from natya_edge.deprecation import deprecation_headers
from natya_edge.headers import KIND_VERSION
from natya_edge.listing.fields import searchable_fields
from natya_edge.parameters import Parameters


class Method:
    """One command or query, as far as the edge must know it. ``rule`` says who may use it; ``max_age`` in seconds, None:
    answers must not be reused; ``headers`` are those of every answer."""

    __slots__ = ("headers", "max_age", "name", "parameters", "query", "rule", "where")

    def __init__(self, kind: str, name: str, manifest: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        """``headers`` are the kind's."""
        self.where = f"{kind}.{name}"
        self.name = name
        self.query: bool = manifest["query"]
        self.rule = Rule(self.where, manifest)
        self.max_age: float | None = manifest["max_age"]
        self.parameters = Parameters(self.where, manifest["parameters"])
        self.headers = {**headers, **deprecation_headers(manifest.get("deprecated"))}


class Kind:
    """One kind. ``rule`` says who may see its states, lists and events; ``searchable`` are the fields of its lists;
    ``headers`` are those of every answer."""

    __slots__ = ("headers", "manifest", "methods", "name", "rule", "searchable", "stateless")

    def __init__(self, name: str, manifest: Mapping[str, Any]) -> None:
        self.name = name
        self.manifest = manifest
        self.rule = Rule(name, manifest)
        self.stateless: bool = manifest["stateless"]
        self.searchable = searchable_fields(manifest)
        self.headers = {**_version(manifest), **deprecation_headers(manifest.get("deprecated"))}
        self.methods = {method: Method(name, method, found, self.headers) for method, found in manifest["methods"].items()}


def _version(manifest: Mapping[str, Any]) -> dict[str, str]:
    """The version of a kind's code, if it has one that a header can say."""
    version: str = manifest["version"]
    return {KIND_VERSION: version} if version and version.isascii() and version.isprintable() else {}


class Kinds:
    """Kinds by name, from manifests that may be replaced at any time."""

    def __init__(self) -> None:
        self._read: dict[str, Kind] = {}

    def find(self, manifests: Mapping[str, dict[str, Any]], kind: str) -> Kind:
        """Raises `UnknownKind`."""
        manifest = manifests.get(kind)
        if manifest is None:
            names = ", ".join(sorted(manifests)) or "none"
            raise UnknownKind(f"no kind {kind!r} is deployed; there is {names}", kind=kind)
        read = self._read.get(kind)
        if read is None or read.manifest is not manifest:
            self._read[kind] = read = Kind(kind, manifest)
        return read

    def find_method(self, manifests: Mapping[str, dict[str, Any]], kind: str, name: str) -> Method:
        """Raises `UnknownKind`, `UnknownMethod`."""
        methods = self.find(manifests, kind).methods
        method = methods.get(name)
        if method is None:
            raise UnknownMethod(
                f"{kind} has no method {name!r}; it has {', '.join(sorted(methods))}", methods=sorted(methods)
            )
        return method
