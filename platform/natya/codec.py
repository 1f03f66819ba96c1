"""JSON in and out of Python types: one way for states, parameters, results and events.

pydantic does the work, straight from and to bytes. What is fixed here, whatever a user's model is configured to do: bytes
travel as base64, durations as ISO 8601, and not-a-number never passes for null. A nested model brings its own configuration
and its own prebuilt validator, so the schema is rewritten and built anew instead of being used as it is.

JSON leaves open what programs disagree on. `trouble` names it: NaN and Infinity, integers beyond 64 bit, names that occur
twice in one object, names with NUL, deep nesting. It is slow, so `dubious` first looks whether there is any reason to ask.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, cast

import pydantic_core
from pydantic import BaseModel, TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUndefinedAnnotation, PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue, JsonSchemaWarningKind
from pydantic_core import CoreConfig, CoreSchema, SchemaSerializer, SchemaValidator, core_schema

from natya.errors import ConfigurationError

MAX_DEPTH: Final = 90
"""Nesting that is still stored: the store's own limit is 100, and a document wraps the state."""

_UNIFORM: Final = CoreConfig(
    ser_json_bytes="base64",
    val_json_bytes="base64",
    ser_json_timedelta="iso8601",
    ser_json_temporal="iso8601",
    ser_json_inf_nan="constants",
    allow_inf_nan=False,
)
_CONFIGURED: Final = frozenset({"model", "dataclass", "typed-dict"})
_VALUES: Final = frozenset({"default", "expected", "members", "metadata", "cls"})
"""Parts of a schema that hold users' values, not schemas."""


class Codec:
    """Validator, serializer and JSON Schema of one type.

    ``read`` is pydantic's `validate_json` and ``write`` its `to_json`: bound methods, because both are on the path of
    every message (0.5 and 0.3 µs for a small model).
    """

    __slots__ = ("_core", "check", "read", "write")

    def __init__(self, core: CoreSchema) -> None:
        self._core = _uniform(core)
        validator = SchemaValidator(self._core, _UNIFORM, False)
        serializer = SchemaSerializer(self._core, _UNIFORM, False)
        self.read = validator.validate_json
        self.check = validator.validate_python
        self.write = serializer.to_json

    @classmethod
    def of(cls, annotation: Any, owner: str) -> Codec:
        """The codec of an annotation. Raises `ConfigurationError`, beginning with ``owner``, if pydantic cannot have it."""
        try:
            return cls(TypeAdapter(annotation).core_schema)
        except (PydanticUserError, PydanticUndefinedAnnotation) as error:
            raise ConfigurationError(f"{owner}: {error.message}") from error

    def json_schema(self, mode: JsonSchemaMode, *, by_alias: bool = True) -> dict[str, Any]:
        """The JSON Schema of what `read` takes (``validation``) or `write` gives (``serialization``)."""
        try:
            return _JsonSchema(by_alias=by_alias).generate(self._core, mode)
        except PydanticInvalidForJsonSchema as error:
            raise ConfigurationError(f"a type has no JSON Schema: {error.message}") from error


class _JsonSchema(GenerateJsonSchema):
    """JSON Schema of what `Codec` reads and writes: as pydantic's, with base64 for bytes in every model."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - as the base has it

    def bytes_schema(self, schema: core_schema.BytesSchema) -> JsonSchemaValue:
        found = super().bytes_schema(schema)
        found["format"] = "base64url"
        return found

    def encode_default(self, dft: Any) -> Any:
        return pydantic_core.to_jsonable_python(dft, bytes_mode="base64", inf_nan_mode="strings")


def _uniform(core: CoreSchema) -> CoreSchema:
    return cast("CoreSchema", _rewritten(core))


def _rewritten(part: Any) -> Any:
    if isinstance(part, dict):
        kind = part.get("type")
        if not isinstance(kind, str):  # no schema itself but several by name, of fields for instance: any name can occur
            return {name: _rewritten(value) for name, value in part.items()}
        new = {name: value if name in _VALUES else _rewritten(value) for name, value in part.items()}
        if kind in _CONFIGURED:
            new["config"] = {**part.get("config", {}), **_UNIFORM}
        return new
    if isinstance(part, (list, tuple)):
        return type(part)(_rewritten(item) for item in part)
    return part


def to_json(value: Any) -> bytes:
    """JSON text of anything pydantic can write: models, dataclasses, dates, plain dictionaries. Raises `ValueError`."""
    if isinstance(value, BaseModel):
        return sound(_codec_of(type(value)).write(value, by_alias=True, warnings=False))
    return sound(pydantic_core.to_json(value, bytes_mode="base64", inf_nan_mode="constants"))


@lru_cache(maxsize=1024)
def _codec_of(model: type[BaseModel]) -> Codec:
    return Codec(model.__pydantic_core_schema__)


def sound(data: bytes) -> bytes:
    """Return ``data`` if every program reads it alike; else raise `ValueError`, naming the trouble."""
    if dubious(data) and (found := trouble(data)):
        raise ValueError(found)
    return data


_DIGITS: Final = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else byte for byte in range(256))
_LONG: Final = b"0" * 19


_DOUBTS: Final = re.compile(rb"NaN|Infinity|\\u0000|[0-9]{19}")
_SHORT: Final = 256


def dubious(data: bytes) -> bool:
    """Whether JSON text *may* hold NaN, Infinity, an integer beyond 64 bit or a NUL. Hot: short texts take one search
    (0.3 µs), long ones four fast passes."""
    if len(data) <= _SHORT:
        return _DOUBTS.search(data) is not None
    return (
        data.find(b"NaN") >= 0
        or data.find(b"Infinity") >= 0
        or data.find(b"\\u0000") >= 0
        or data.translate(_DIGITS).find(_LONG) >= 0
    )


def trouble(data: bytes) -> str:
    """What is wrong with well-formed JSON text, for people to read; empty if nothing is."""
    try:
        json.loads(data.decode(), parse_constant=_constant, parse_int=_integer, object_pairs_hook=_object)
    except _Trouble as found:
        return str(found)
    return ""


class _Trouble(Exception):
    pass


def _constant(name: str) -> Any:
    raise _Trouble(f"{name} is not a JSON number")


def _integer(digits: str) -> int:
    if len(digits) > 20 or not -(1 << 63) <= (number := int(digits)) < 1 << 63:
        shown = digits if len(digits) <= 40 else f"{digits[:40]}…"
        raise _Trouble(f"the integer {shown} is beyond 64 bit")
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise _Trouble(f"{next(name for name in names if names.count(name) > 1)!r} occurs twice in one object")
    if any("\0" in name for name in found):
        raise _Trouble(f"the name {next(name for name in found if chr(0) in name)!r} holds a NUL character")
    return found


_BRACKETS: Final = b"{}[]"
_OTHERS: Final = bytes(byte for byte in range(256) if byte not in _BRACKETS)
_BRACES: Final = bytes.maketrans(b"[]", b"{}")


def too_deep(data: bytes) -> bool:
    """Whether JSON text is nested deeper than `MAX_DEPTH`.

    Few texts have as many brackets at all. Of the others only the brackets are kept, and pairs are taken out from the
    inside; brackets within strings can only make that look deeper, and then the text is parsed.
    """
    if len(data) < 2 * MAX_DEPTH or data.count(b"{") + data.count(b"[") <= MAX_DEPTH:
        return False
    brackets = data.translate(_BRACES, _OTHERS)
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"{}", b"")
        if not brackets:
            return False
    level: list[Any] = [json.loads(data)]
    for _ in range(MAX_DEPTH):
        level = [inner for item in level if isinstance(item, (dict, list)) for inner in _inside(item)]
    return any(isinstance(item, (dict, list)) for item in level)


def _inside(container: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return container.values() if isinstance(container, dict) else container
