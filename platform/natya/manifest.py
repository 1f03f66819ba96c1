"""What is read off an actor's class, once, when the class is made: a `Definition`. What fails, fails there."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, Final

import orjson
from pydantic import BaseModel

from natya.access import access_of
from natya.decorators import Handler, Lift
from natya.deprecation import Deprecated
from natya.errors import ConfigurationError, Invalid
from natya.method import Method
from natya.names import check_kind
from natya.state import Migration, StateCodec, StateTooNew, StateUnreadable

if TYPE_CHECKING:
    from natya.actor import AnyActor

Index = Sequence[tuple[str, int]]
"""An index of a kind's collection: (field of the state, 1 or -1) pairs; a dot reaches into nested models."""

_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_ATTRIBUTE: Final = "__definition__"


class Definition:
    """Everything the runtime needs of one kind.

    ``actor`` is the class, ``methods`` are by their names on the wire and ``attributes`` by those in the class;
    ``idle_after`` is in seconds, None for the node's setting; ``access`` is what the class says of who may use it.
    """

    def __init__(
        self,
        actor: type[AnyActor],
        model: type[BaseModel] | None,
        *,
        kind: str | None,
        partitions: int,
        schema: int,
        idle_after: float | None,
        indexes: Sequence[Index],
        version: str,
        deprecated: Deprecated | None,
        names: Mapping[str, Any],
    ) -> None:
        """``model`` is the state's, None for a stateless kind; ``names`` are those of the scope around the class."""
        self.actor = actor
        self.kind = _kind(actor, kind)
        self.stateless = model is None
        self.partitions = _at_least_one(self.kind, "partitions", partitions)
        self.schema = _at_least_one(self.kind, "schema", schema)
        self.idle_after = idle_after
        self.version = version
        self.deprecated = deprecated
        self.doc = inspect.cleandoc(actor.__doc__ or "")
        self.access = access_of(actor)
        handlers, migrations = _collect(self.kind, actor)
        self.attributes: Mapping[str, Method] = MappingProxyType(
            {handler.attribute: Method(self.kind, handler, names, self.access) for handler in handlers}
        )
        self.methods: Mapping[str, Method] = MappingProxyType(_by_name(self.kind, self.attributes))
        self.indexes = tuple(tuple(index) for index in indexes)
        self._states = None if model is None else StateCodec(self.kind, model, schema, migrations)
        if model is None and (migrations or indexes):
            raise ConfigurationError(f"{self.kind} is stateless: it has no state to migrate or to index")
        if model is not None:
            _check_indexes(self.kind, self.indexes, model)

    @classmethod
    def of(cls, actor: type[AnyActor]) -> Definition:
        """The definition of an actor's class. Raises `ConfigurationError` for a class that is none."""
        found = vars(actor).get(_ATTRIBUTE)
        if not isinstance(found, Definition):
            raise ConfigurationError(
                f"{actor.__qualname__} is no kind of actor: derive it from Actor[…] or StatelessActor, not abstract"
            )
        return found

    def fresh(self) -> Any:
        """The state of an actor that never ran; None for a stateless kind."""
        return None if self._states is None else self._states.fresh()

    def instance(self, key: str, state: Any) -> Any:
        """A new object of the user's class, bound to key and ``state`` (which a stateless kind does not keep); its
        ``_scope`` is None until a turn runs."""
        return self.actor._bind(key, state)

    def freeze(self, state: Any) -> bytes:
        """The state's JSON text, proved to come back as it is. Raises `Internal`, naming the trouble."""
        return b"null" if self._states is None else self._states.freeze(state)

    def thaw(self, data: bytes | None, schema: int) -> Any:
        """The state that ``data`` holds, lifted from an older schema; None gives a fresh one. Raises `StateTooNew`,
        `StateUnreadable`."""
        return None if self._states is None else self._states.thaw(data, schema)

    def state_schema(self) -> dict[str, Any]:
        """The JSON Schema of what `freeze` gives."""
        return {"type": "null"} if self._states is None else self._states.json_schema()

    def manifest(self) -> dict[str, Any]:
        """What others may know of the kind, JSON-able. ``digest`` is a hash of all the rest: nodes that differ in it run
        different code."""
        return dict(self._manifest)

    @cached_property
    def _manifest(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "kind": self.kind,
            "doc": self.doc,
            "version": self.version,
            "deprecated": None if self.deprecated is None else self.deprecated.manifest(),
            "stateless": self.stateless,
            "access": self.access.manifest(),
            "partitions": self.partitions,
            "schema": self.schema,
            "state": self.state_schema(),
            "indexes": [[list(field) for field in index] for index in self.indexes],
            "methods": {name: self.methods[name].manifest() for name in sorted(self.methods)},
        }
        text = orjson.dumps(found, option=orjson.OPT_SORT_KEYS)
        found["digest"] = hashlib.sha256(text).hexdigest()[:16]
        return found

    def __repr__(self) -> str:
        return f"<Definition {self.kind} of {self.actor.__qualname__}>"


def definitions_in(module: ModuleType) -> list[Definition]:
    """The kinds of a module: every actor's class that is among its names, sorted by kind. Raises `ConfigurationError` if
    there is none, or if two claim one kind."""
    found: dict[str, Definition] = {}
    for value in vars(module).values():
        definition = vars(value).get(_ATTRIBUTE) if isinstance(value, type) else None
        if not isinstance(definition, Definition):
            continue
        other = found.setdefault(definition.kind, definition)
        if other is not definition:
            raise ConfigurationError(
                f"{module.__name__}: {other.actor.__qualname__} and {definition.actor.__qualname__} both claim the kind "
                f"{definition.kind!r}: give one of them another, kind=…"
            )
    if not found:
        raise ConfigurationError(f"{module.__name__} has no actors: import or define classes derived from Actor in it")
    return [found[kind] for kind in sorted(found)]


def _kind(actor: type, kind: str | None) -> str:
    try:
        return check_kind(_WORDS.sub("_", actor.__name__).lower() if kind is None else kind)
    except Invalid as error:
        raise ConfigurationError(f"{actor.__qualname__}: {error.detail}; say it with kind=…") from error


def _at_least_one(kind: str, name: str, number: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ConfigurationError(f"{kind}: {name} must be a whole number from 1, not {number!r}")
    return number


def _collect(kind: str, actor: type) -> tuple[list[Handler[..., Any]], dict[int, Migration]]:
    """Decorated methods and migrations of a class and its bases; what a subclass overrides does not count."""
    members: dict[str, Any] = {}
    for base in reversed(actor.__mro__):
        members.update(vars(base))
    migrations: dict[int, Migration] = {}
    for name, member in members.items():
        if not isinstance(member, Lift):
            continue
        if member.from_schema in migrations:
            raise ConfigurationError(f"{kind}.{name}: there is another migration from schema {member.from_schema}")
        migrations[member.from_schema] = member
    return [member for member in members.values() if isinstance(member, Handler)], migrations


def _by_name(kind: str, attributes: Mapping[str, Method]) -> dict[str, Method]:
    found: dict[str, Method] = {}
    for attribute, method in attributes.items():
        other = found.setdefault(method.name, method)
        if other is not method:
            raise ConfigurationError(f"{kind}: {other.attribute} and {attribute} are both named {method.name!r}")
    if not found:
        raise ConfigurationError(f"{kind} has no methods: decorate some with @command or @query")
    return found


def _check_indexes(kind: str, indexes: Sequence[Index], model: type[BaseModel]) -> None:
    for index in indexes:
        if not index:
            raise ConfigurationError(f'{kind}: an index on nothing: name fields, as in [("balance", 1)]')
        for field, direction in index:
            if field.split(".")[0] not in model.model_fields:
                raise ConfigurationError(f"{kind}: an index on {field!r}, which is no field of {model.__name__}")
            if direction not in (1, -1):
                raise ConfigurationError(f"{kind}: the index on {field!r} goes {direction!r}: 1 is ascending, -1 descending")


__all__ = ["Definition", "Index", "Method", "StateTooNew", "StateUnreadable", "definitions_in"]
