"""The fields by which a kind's actors may be searched: the key, and those in the indexes that the kind declares.

A name that a client sends is only looked up among these, and what it is compared with is read as what the state's JSON Schema
says of the field. So nothing of a query string reaches the store but scalars.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from natya.dates import read_date
from natya.ports.listing import KEY, Field, Scalar
from natya_edge.scalars import Schema, Unfit, alternatives, read_scalar, type_of

_TEXT: Final[Schema] = {"type": "string"}


class Searchable:
    """One such field. ``many``: it holds lists, or lies in one, so it has no place in an order."""

    __slots__ = ("_schemas", "field", "many", "name")

    def __init__(self, name: str, field: Field, schemas: Sequence[Schema], *, many: bool = False) -> None:
        self.name = name
        self.field = field
        self.many = many
        self._schemas = schemas

    @property
    def schemas(self) -> Sequence[Schema]:
        """Of what it is compared with: alternatives, without references."""
        return self._schemas

    @property
    def text(self) -> bool:
        """Whether it may hold text that is no date."""
        return not self.field.dated and any(type_of(schema) in ("string", "choice", "") for schema in self._schemas)

    def read(self, text: str) -> Scalar:
        """What the field is to be compared with. Raises `Unfit`."""
        value: Scalar = read_scalar(text, self._schemas)
        if not self.field.dated or not isinstance(value, str):
            return value
        date = read_date(value)
        if date is None:
            raise Unfit("must be a date and time, such as 2026-01-31T12:00:00Z (a + in it is %2B)")
        return date


def searchable_fields(manifest: Mapping[str, Any]) -> dict[str, Searchable]:
    """The fields of a kind by their names. Fields that hold objects are left out: one does not compare with those in a URL.
    The key has its name to itself: a field that is called so, too, cannot be searched by."""
    root: Schema = manifest["state"]
    names = {name: None for index in manifest["indexes"] for name, _ in index}
    found: dict[str, Searchable] = {}
    for name in names:
        path = tuple(name.split("."))
        many, schemas = _single(root, reach(root, path))
        if schemas:
            dated = any(schema.get("format") == "date-time" for schema in schemas)
            found[name] = Searchable(name, Field(path, dated), schemas, many=many or _through_list(root, path))
    return {**found, "key": Searchable("key", KEY, [_TEXT])}


def reach(root: Schema, path: Iterable[str]) -> list[Schema]:
    """What may stand where a path leads to, lists on the way being looked into; nothing if the schema knows no such path."""
    schemas = list(alternatives(root, root))
    for name in path:
        schemas = [below for schema in _members(root, schemas) for below in _below(root, schema, name)]
    return schemas


def _below(root: Schema, schema: Schema, name: str) -> Iterator[Schema]:
    declared = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
    if isinstance(declared, Mapping):
        yield from alternatives(root, declared)


def _members(root: Schema, schemas: Iterable[Schema]) -> Iterator[Schema]:
    """The schemas, those of lists replaced by those of what is in the lists."""
    for schema in schemas:
        if type_of(schema) != "array":
            yield schema
            continue
        for item in (*schema.get("prefixItems", ()), schema.get("items")):
            if isinstance(item, Mapping):
                yield from _members(root, alternatives(root, item))


def _single(root: Schema, schemas: Sequence[Schema]) -> tuple[bool, list[Schema]]:
    """Whether there are lists among the schemas, and the scalars among them and in those lists."""
    many = any(type_of(schema) == "array" for schema in schemas)
    return many, [schema for schema in _members(root, schemas) if type_of(schema) != "object"]


def _through_list(root: Schema, path: Sequence[str]) -> bool:
    return any(type_of(schema) == "array" for end in range(1, len(path)) for schema in reach(root, path[:end]))
