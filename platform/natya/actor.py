"""What users derive their actors from.

The platform makes the objects: one for each actor in memory, bound to its key and state. While a turn runs, the object has
a scope through which it sends; outside of a turn it has none, and says so.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Generator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final, Generic, TypeVar, get_args, get_origin, overload

from pydantic import BaseModel

from natya.access import Access
from natya.codec import to_json
from natya.decorators import Handler
from natya.deprecation import Deprecated
from natya.errors import ConfigurationError, Internal, Invalid
from natya.manifest import Definition, Index
from natya.names import DEFAULT_PARTITIONS
from natya.ref import DEFAULTS, Options, Ref, Sender
from natya.scope import Misuse, QueryScope, Scope

S = TypeVar("S", bound=BaseModel)
A = TypeVar("A", bound="AnyActor")


class AnyActor:
    """What actors with and without state have in common."""

    __slots__ = ("_key", "_scope")

    _key: str
    _scope: Scope | None
    __access__: ClassVar[Access]
    __definition__: ClassVar[Definition]

    def __init__(self) -> None:
        raise Misuse(
            f"{type(self).__name__} objects are made by the platform: use platform.actor({type(self).__name__}, key)"
        )

    def __init_subclass__(
        cls,
        *,
        kind: str | None = None,
        partitions: int = DEFAULT_PARTITIONS,
        schema: int = 1,
        idle_after: float | None = None,
        indexes: Sequence[Index] = (),
        version: str = "",
        deprecated: Deprecated | None = None,
        scope: str | None = None,
        anyone: bool = False,
        owner: str | None = None,
        roles: Sequence[str] | None = None,
        abstract: bool = False,
    ) -> None:
        """Options of a kind, given as keywords of the class statement.

        ``kind``: its name, by default the class's in snake_case. ``partitions``: fixed when the kind first runs.
        ``schema``: number of the state's present form. ``idle_after``: seconds until an unused actor leaves memory.
        ``indexes`` of its collection. ``version`` of the code, for people. ``deprecated``: see
        `natya.Deprecated`. ``scope``, ``anyone``, ``owner``, ``roles``: who
        may use it from the web, see `natya.access`. ``abstract``: only a base for other classes.
        """
        super().__init_subclass__()
        cls.__access__ = Access.declared(cls.__qualname__, scope=scope, anyone=anyone, owner=owner, roles=roles)
        if abstract:
            return
        _check_members(cls)
        cls.__definition__ = Definition(
            cls,
            cls._model(),
            kind=kind,
            partitions=partitions,
            schema=schema,
            idle_after=idle_after,
            indexes=indexes,
            version=version,
            deprecated=deprecated,
            names={**sys._getframe(1).f_locals, cls.__name__: cls},
        )

    @classmethod
    def _model(cls) -> type[BaseModel] | None:
        return None

    @classmethod
    def _bind(cls, key: str, state: Any) -> AnyActor:
        actor = cls.__new__(cls)
        actor._key = key
        actor._scope = None
        return actor

    @property
    def key(self) -> str:
        """This actor's name within its kind."""
        return self._key

    @property
    def caller(self) -> str:
        """The verified principal that sent the message; empty if nobody vouched for one."""
        return self._running("caller").caller

    @property
    def now(self) -> datetime:
        """The time of this turn, in UTC: it stands still while the turn runs."""
        return self._running("now").now

    async def on_activate(self) -> None:
        """Called before the first message after the actor has come into memory. It may compute attributes that are not
        kept; the state it must leave as it is."""

    async def ask(self, kind: type[AnyActor] | str, key: str, method: str, /, **arguments: Any) -> Any:
        """Send a message to another actor and await its answer. Raises what the other answers: `Reject` and all other
        `NatyaError`. If the turn runs again after a crash, the same ask takes effect once."""
        return await self._reference(kind, key).method(method)(**arguments)

    def tell(self, kind: type[AnyActor] | str, key: str, method: str, /, **arguments: Any) -> None:
        """Send a message, to another actor or to oneself, once this turn is committed. If the turn fails it never leaves."""
        self._reference(kind, key).method(method).tell(**arguments)

    def emit(self, event: str, payload: BaseModel | Mapping[str, Any] | None = None) -> None:
        """Publish a fact about this actor, once this turn is committed."""
        scope = self._running("emit")
        if not event.isidentifier() or not event.isascii():
            raise Invalid(f"{event!r} is not the name of an event: letters, digits and _, not starting with a digit")
        try:
            body = to_json({} if payload is None else payload)
        except ValueError as error:
            raise Internal(f"the event {event!r} cannot be written as JSON: {error}") from error
        scope.emit(event, body)

    @overload
    def actor(
        self, kind: type[A], key: str, *, timeout: float | None = None, if_version: int | None = None, keep: int = 0
    ) -> A: ...
    @overload
    def actor(
        self, kind: str, key: str, *, timeout: float | None = None, if_version: int | None = None, keep: int = 0
    ) -> Ref: ...
    def actor(
        self,
        kind: type[AnyActor] | str,
        key: str,
        *,
        timeout: float | None = None,
        if_version: int | None = None,
        keep: int = 0,
    ) -> Any:
        """Another actor: ``await self.actor(Account, "bob").deposit(amount=5)`` asks it, ``.deposit.tell(amount=5)`` tells
        it with the commit. Options as in `natya.ref.Options`."""
        plain = timeout is None and if_version is None and not keep
        options = DEFAULTS if plain else Options(timeout=timeout, if_version=if_version, keep=keep)
        return self._reference(kind, key, options)

    def _reference(self, kind: type[AnyActor] | str, key: str, options: Options = DEFAULTS) -> Ref:
        return reference(_Turn(self), kind, key, options)

    def _running(self, what: str) -> Scope:
        if self._scope is None:
            raise Misuse(f"{type(self).__name__}.{what} is there only while a message is handled")
        return self._scope


class Actor(AnyActor, Generic[S], abstract=True):
    """An actor with a state of the pydantic model ``S``, every field of which has a default.

    A command changes ``self.state`` and returns its answer; if it raises, the state is as it was before.
    """

    __slots__ = ("state",)

    state: S

    @classmethod
    def _bind(cls, key: str, state: Any) -> Actor[S]:
        actor = cls.__new__(cls)
        actor._key = key
        actor._scope = None
        actor.state = state
        return actor

    @classmethod
    def _model(cls) -> type[BaseModel] | None:
        model = _argument(cls)
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise ConfigurationError(
                f"{cls.__qualname__} does not say what its state is: derive it from Actor[…] with a pydantic model, or from "
                "StatelessActor, or give it abstract=True"
            )
        return model


class StatelessActor(AnyActor, abstract=True):
    """A kind without state: its methods run on any node, many at the same time, for any key.

    Its asks run at least once, so what they do must bear repeating; its tells run once.
    """

    __slots__ = ()


def reference(sender: Sender, kind: type[AnyActor] | str, key: str, options: Options = DEFAULTS) -> Ref:
    """A reference to an actor by its class or by the name of its kind."""
    if isinstance(kind, str):
        return Ref(sender, kind, key, None, options)
    definition = Definition.of(kind)
    return Ref(sender, definition.kind, key, definition, options)


class _Done:
    """An awaitable of what has been done already."""

    def __await__(self) -> Generator[Any, None, None]:
        yield from ()


_DONE: Final = _Done()


class _Turn:
    """Sends for an actor, in whatever turn it is then."""

    __slots__ = ("_actor",)

    def __init__(self, actor: AnyActor) -> None:
        self._actor = actor

    async def ask(self, kind: str, key: str, method: str, body: bytes, options: Options) -> bytes:
        return await self._actor._running("ask").ask(kind, key, method, body, options)

    def tell(self, kind: str, key: str, method: str, body: bytes, options: Options) -> Awaitable[None]:
        self._actor._running("tell").tell(kind, key, method, body, options)
        return _DONE


_HOOKS: Final = frozenset({"on_activate"})
_RESERVED: Final = {"state", *(name for name in vars(AnyActor) if not name.startswith("_"))} - _HOOKS


def _check_members(cls: type[AnyActor]) -> None:
    """Refuse what would shadow the platform's own names, in a class and in what it mixes in."""
    for base in cls.__mro__:
        if base in (AnyActor, Actor, StatelessActor, Generic, object):
            continue
        for name, member in vars(base).items():
            if name in _RESERVED:
                raise ConfigurationError(f"{base.__qualname__}.{name}: the name belongs to the platform, choose another")
            if name == "__init__":
                raise ConfigurationError(f"{base.__qualname__} must not have __init__: compute attributes in on_activate")
            if name in _HOOKS and (isinstance(member, Handler) or not inspect.iscoroutinefunction(member)):
                raise ConfigurationError(f"{base.__qualname__}.{name} must be `async def {name}(self) -> None`, undecorated")


def _argument(cls: type) -> Any:
    """What stands in ``Actor[…]`` among the bases of a class, through generic bases of its own."""
    for base in vars(cls).get("__orig_bases__", cls.__bases__):
        origin = get_origin(base) or base
        if origin is Actor:
            return (get_args(base) or (None,))[0]
        if isinstance(origin, type) and issubclass(origin, Actor):
            found = _argument(origin)
            if isinstance(found, TypeVar) and get_args(base):
                parameters: tuple[Any, ...] = vars(origin)["__parameters__"]
                return get_args(base)[parameters.index(found)]
            return found
    return None


__all__ = ["Actor", "AnyActor", "Misuse", "QueryScope", "Scope", "StatelessActor", "reference"]
