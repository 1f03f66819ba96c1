"""Query strings to parameters: text to what the method's JSON Schema says, so that the actor's strict validation takes it.

Only the *type* is decided here; ranges, patterns and what is required are the actor's to check. A name that is not declared
and a text that cannot be of the declared type are refused here, naming the field.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from natya.errors import FieldError, Invalid
from natya_edge.scalars import Schema, Unfit, alternatives, read_scalar, type_of
from natya_edge.text import query_pairs

_MAX_PARAMETERS: Final = 100


class Parameters:
    """The parameters of one query. ``where`` is how errors name it: ``kind.method``."""

    def __init__(self, where: str, schema: Schema) -> None:
        self._where = where
        self._root = schema
        self._declared: dict[str, Schema] = schema.get("properties", {})

    def body(self, query_string: str) -> bytes:
        """The JSON body of the message that a query string asks for. Raises `Invalid`, which names the fields."""
        if not query_string:
            return b""
        given: dict[str, list[str]] = {}
        pairs = query_pairs(query_string)
        if len(pairs) > _MAX_PARAMETERS:
            raise Invalid(f"{self._where}: {len(pairs)} parameters: at most {_MAX_PARAMETERS} are taken")
        for name, text in pairs:
            given.setdefault(name, []).append(text)
        values: dict[str, Any] = {}
        errors: list[FieldError] = []
        for name, texts in given.items():
            try:
                values[name] = self._value(name, texts)
            except Unfit as error:
                errors.append(FieldError(field=name, message=str(error)))
        if errors:
            raise Invalid(f"{self._where}: " + "; ".join(f"{e['field']}: {e['message']}" for e in errors[:3]), errors=errors)
        return orjson.dumps(values) if values else b""

    def _value(self, name: str, texts: list[str]) -> Any:
        schema = self._declared.get(name)
        if schema is None:
            known = ", ".join(sorted(self._declared))
            raise Unfit(f"is not a parameter of {self._where}, " + (f"which takes {known}" if known else "which takes none"))
        return self._convert(texts, list(alternatives(self._root, schema)))

    def _convert(self, texts: list[str], schemas: list[Schema]) -> Any:
        types = {type_of(schema) for schema in schemas}
        array = next((schema for schema in schemas if type_of(schema) == "array"), None)
        if array is not None and (len(texts) > 1 or not types & {"string", ""}):
            if texts == [""] and "null" in types:
                return None
            return [self._convert([text], self._item(array, number)) for number, text in enumerate(texts)]
        if len(texts) > 1:
            raise Unfit("is given more than once")
        return read_scalar(texts[0], schemas)

    def _item(self, array: Schema, number: int) -> list[Schema]:
        """What the item of that number in an array must be."""
        fixed = array.get("prefixItems", ())
        schema = fixed[number] if number < len(fixed) else array.get("items", {})
        return list(alternatives(self._root, schema if isinstance(schema, dict) else {}))
