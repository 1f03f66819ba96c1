"""An actor's state as text and back, without loss, or with a clear refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from pydantic_core import PydanticSerializationError

from natya.codec import MAX_DEPTH, Codec, dubious, to_json, too_deep, trouble
from natya.errors import ConfigurationError, Internal, Unavailable

Migration = Callable[[dict[str, Any]], dict[str, Any]]
"""Lifts a stored state from one schema to the next."""

S = TypeVar("S", bound=BaseModel)


class StateTooNew(Unavailable):
    """Raised when a stored state has a later schema than this node's code: a newer node can read it."""


class StateUnreadable(Unavailable):
    """Raised when a stored state does not fit its model, or a migration fails on it: mend the code, nothing is lost."""


class StateCodec(Generic[S]):
    """Reads and writes states of one model.

    A state is written with the names of its fields (aliases are for the world outside) and read back at once: what is not
    equal afterwards is refused within the turn, so that whatever is stored can be loaded. That covers values of a wrong
    type, broken constraints, dates in fields of type ``Any``, and private attributes. Both together take about 2 µs for a
    small model, and grow with the state.
    """

    def __init__(self, kind: str, model: type[S], schema: int, migrations: Mapping[int, Migration]) -> None:
        self._kind = kind
        self._model = model
        self._schema = schema
        self._migrations = dict(migrations)
        for step in self._migrations:
            if not 1 <= step < schema:
                raise ConfigurationError(
                    f"{kind}: a migration from schema {step}, but the schema is {schema}: "
                    f"give the class schema={step + 1} or more, and migrations from 1 to {max(schema - 1, 1)}"
                )
        self._codec = _codec(kind, model)
        self._read = self._codec.read
        self._write = self._codec.write
        self._hidden = bool(model.__private_attributes__) or model.model_config.get("extra") == "allow"
        self._prove()

    def fresh(self) -> S:
        """The state of an actor that never ran."""
        return self._model()

    def freeze(self, state: S) -> bytes:
        """The state's JSON text. Raises `Internal` if it cannot be stored, or would not come back as it is."""
        if type(state) is not self._model:
            raise Internal(f"the state of {self._kind} must be a {self._model.__name__}, not {_shown(state)}")
        try:
            data = self._write(state, by_alias=False, warnings=False)
            if dubious(data) and (found := trouble(data)):
                raise Internal(f"the state of {self._kind} cannot be stored: {found}")
            if too_deep(data):
                raise Internal(f"the state of {self._kind} cannot be stored: it is nested deeper than {MAX_DEPTH} levels")
            back: S = self._read(data, by_alias=False, by_name=True)
        except PydanticSerializationError as error:
            raise Internal(f"the state of {self._kind} cannot be stored: {error}") from error
        except ValidationError as error:
            raise Internal(f"the state of {self._kind} cannot be stored: {_first(error)}") from error
        if back.__dict__ != state.__dict__ or (self._hidden and back != state):
            raise Internal(f"the state of {self._kind} cannot be stored: {self._difference(state, back)}")
        return data

    def thaw(self, data: bytes | None, schema: int) -> S:
        """The state that ``data`` of ``schema`` holds, lifted by migrations; None gives a fresh one. Raises `StateTooNew`,
        `StateUnreadable`."""
        if data is None:
            return self.fresh()
        if schema != self._schema:
            data = self._lift(data, schema)
        try:
            state: S = self._read(data, by_alias=False, by_name=True)
        except ValidationError as error:
            raise StateUnreadable(f"a stored state of {self._kind} does not fit its model: {_first(error)}") from error
        return state

    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema of what `freeze` gives."""
        return self._codec.json_schema("serialization", by_alias=False)

    def _lift(self, data: bytes, schema: int) -> bytes:
        if schema > self._schema:
            raise StateTooNew(
                f"a stored state of {self._kind} has schema {schema}, this node knows {self._schema}: "
                "finish the roll-out, or start nodes of the later version"
            )
        try:
            lifted: Any = orjson.loads(data)
        except ValueError as error:
            raise StateUnreadable(f"a stored state of {self._kind} is not JSON: {error}") from error
        for step in range(schema, self._schema):
            if step not in self._migrations:
                continue
            try:
                lifted = self._migrations[step](lifted)
            except Exception as error:  # users' code: whatever it raises, the state cannot be read
                raise StateUnreadable(f"the migration of {self._kind} from schema {step} failed: {error!r}") from error
            if not isinstance(lifted, dict):
                raise StateUnreadable(f"the migration of {self._kind} from schema {step} gave {lifted!r}, not a dict")
        try:
            return to_json(lifted)
        except ValueError as error:
            raise StateUnreadable(f"the migrations of {self._kind} gave what is not JSON: {error}") from error

    def _prove(self) -> None:
        """Refuse at class creation what would fail in every turn."""
        try:
            self.freeze(self.fresh())
        except ValidationError as error:
            raise ConfigurationError(
                f"{self._kind}: {self._model.__name__} cannot be made without arguments, give every field a default: "
                f"{_first(error)}"
            ) from error
        except Internal as error:
            raise ConfigurationError(f"{self._kind}: {error.detail}") from error

    def _difference(self, state: S, back: S) -> str:
        for name in self._model.model_fields:
            was, now = getattr(state, name), getattr(back, name)
            if was != now:
                return f"{name} is {_shown(was)} and would be read back as {_shown(now)}"
        return (
            f"a {type(state).__name__} would be read back as another {type(back).__name__}: keep private values on the actor"
        )


def _codec(kind: str, model: type[BaseModel]) -> Codec:
    if model.__pydantic_root_model__:
        raise ConfigurationError(f"{kind}: {model.__name__} is a root model: a state is an object with named fields")
    try:
        model.model_rebuild()
        return Codec(model.__pydantic_core_schema__)
    except (PydanticUserError, PydanticUndefinedAnnotation) as error:
        raise ConfigurationError(f"{kind}: {model.__name__}: {error.message}") from error


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the state'}: {first['msg']} (found {_shown(first['input'])})"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
