"""Dates: which strings of a state become BSON dates, and how their own spelling comes back.

A kind's JSON Schema says where a ``date-time`` may stand. A BSON date counts milliseconds in UTC, so a date is read back
as pydantic spells such a time: ``2026-01-31T12:00:00Z``, ``2026-01-31T12:00:00.120000Z``. A date spelled otherwise
(microseconds, an offset, no zone: taken as UTC) is stored as a BSON date too, and its own spelling beside it in the
document's ``exact``, under its JSON pointer. A string that is no date, or lies outside the years 1 to 9999 in UTC, stays a string.

`Places` walks only where dates can be: a state without dates costs nothing here.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import Any

from natya.dates import read_date
from natya.mongo.values import store_name

Schema = Mapping[str, Any]

_COMBINED = ("anyOf", "oneOf", "allOf")


class Places:
    """The places of one level of a state at which dates can be, as the names and indexes below which to look on.

    Several schemas can hold for one place (``anyOf``), and schemas can contain themselves (``$ref``): a level is the set of
    the schemas that hold there, and equal sets are one object.
    """

    __slots__ = ("date", "declared", "items", "others", "prefix", "properties")

    def __init__(self) -> None:
        self.date = False
        self.properties: list[tuple[str, Places]] = []
        self.declared: frozenset[str] = frozenset()
        self.others: Places | None = None
        self.prefix: list[Places | None] = []
        self.items: Places | None = None

    @classmethod
    def of(cls, schema: Schema) -> Places | None:
        """The places of a whole state; None if it can hold no date."""
        return _Compiler(schema).level([schema])

    def apply(self, value: Any, exact: dict[str, str], pointer: str = "") -> Any:
        """``value`` with its dates as BSON dates, changed in place; spellings that would be lost are added to ``exact``."""
        kind = type(value)
        if kind is str:
            return _store_date(value, exact, pointer) if self.date else value
        if kind is dict:
            for name, place in self.properties:
                if name in value:
                    value[name] = place.apply(value[name], exact, f"{pointer}/{_segment(name)}")
            if self.others is not None:
                for name in value.keys() - self.declared:
                    value[name] = self.others.apply(value[name], exact, f"{pointer}/{_segment(name)}")
        elif kind is list and (self.items is not None or self.prefix):
            for index, member in enumerate(value):
                item = self.prefix[index] if index < len(self.prefix) else self.items
                if item is not None:
                    value[index] = item.apply(member, exact, f"{pointer}/{index}")
        return value


def restore(value: Any, exact: Mapping[str, Any]) -> Any:
    """``value`` with the spellings of ``exact``, changed in place. A spelling whose date has since been changed by somebody
    else is out of date and ignored."""
    root: dict[str, Any] = {"": value}
    for pointer, text in exact.items():
        holder: Any = root
        try:
            *path, last = [segment.replace("~1", "/").replace("~0", "~") for segment in pointer.split("/")]
            for segment in path:
                holder = holder[_step(holder, segment)]
            place = _step(holder, last)
            stored = holder[place]
        except (LookupError, TypeError, ValueError):
            continue
        if isinstance(stored, datetime.datetime) and isinstance(text, str) and read_date(text) == stored:
            holder[place] = text
    return root[""]


def _store_date(text: str, exact: dict[str, str], pointer: str) -> Any:
    date = read_date(text)
    if date is None:
        return text
    if f"{date.isoformat()}Z" != text:
        exact[pointer] = text
    return date


def _step(holder: Any, segment: str) -> Any:
    return int(segment) if isinstance(holder, list) else segment


def _segment(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1") if "~" in name or "/" in name else name


class _Compiler:
    """Makes the `Places` of one schema."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._levels: dict[frozenset[int], Places] = {}
        self._dated: dict[int, bool] = {}

    def level(self, schemas: Iterable[Any]) -> Places | None:
        """The level at which all these schemas may hold; None if no date is there or below."""
        found: dict[int, Schema] = {}
        for schema in schemas:
            self._expand(schema, found)
        if not any(self._has_date(schema) for schema in found.values()):
            return None
        identity = frozenset(found)
        places = self._levels.get(identity)
        if places is None:
            places = self._levels[identity] = Places()
            self._fill(places, list(found.values()))
        return places

    def _fill(self, places: Places, schemas: list[Schema]) -> None:
        places.date = any(schema.get("format") == "date-time" for schema in schemas)
        named: dict[str, list[Any]] = {}
        others: list[Any] = []
        for schema in schemas:
            for name, member in schema.get("properties", {}).items():
                named.setdefault(store_name(name), []).append(member)
            others += [schema.get("additionalProperties"), *schema.get("patternProperties", {}).values()]
        places.declared = frozenset(named)
        places.properties = [(name, level) for name, members in named.items() if (level := self.level(members))]
        places.others = self.level(others)
        prefixes = [schema.get("prefixItems", []) for schema in schemas]
        items = [schema.get("items") for schema in schemas]
        places.prefix = [
            self.level(prefix[index] if index < len(prefix) else item for prefix, item in zip(prefixes, items, strict=True))
            for index in range(max(map(len, prefixes)))
        ]
        places.items = self.level(items)

    def _expand(self, schema: Any, found: dict[int, Schema]) -> None:
        """Add ``schema`` and what it refers to or combines; what is not a schema (``true``, absent) says nothing."""
        if not isinstance(schema, Mapping) or id(schema) in found:
            return
        found[id(schema)] = schema
        if "$ref" in schema:
            self._expand(self._resolve(schema["$ref"]), found)
        for combined in _COMBINED:
            for part in schema.get(combined, ()):
                self._expand(part, found)

    def _resolve(self, reference: str) -> Any:
        target: Any = self._root
        for segment in reference.split("/")[1:]:
            target = target.get(segment.replace("~1", "/").replace("~0", "~")) if isinstance(target, Mapping) else None
        return target

    def _has_date(self, schema: Schema) -> bool:
        known = self._dated.get(id(schema))
        if known is None:
            known = self._dated[id(schema)] = self._search(schema, set())
        return known

    def _search(self, part: Any, seen: set[int]) -> bool:
        if id(part) in seen:
            return False
        seen.add(id(part))
        if isinstance(part, list):
            return any(self._search(member, seen) for member in part)
        if not isinstance(part, Mapping):
            return False
        if part.get("format") == "date-time":
            return True
        reference = part.get("$ref")
        if isinstance(reference, str) and self._search(self._resolve(reference), seen):
            return True
        return any(self._search(member, seen) for name, member in part.items() if name != "$defs")
