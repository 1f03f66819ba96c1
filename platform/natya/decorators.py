"""`@command`, `@query` and `@migration`: how a class says what can be asked of it.

A decorated method is typed by its parameters and its result alone, not by its class, so that ``self: Self`` and overriding
work and a reference can be typed as the class.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from natya.access import Access
from natya.deprecation import Deprecated
from natya.errors import ConfigurationError
from natya.scope import Misuse, QueryScope
from natya.state import Migration

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Call(Protocol[P, R_co]):
    """A method of one actor. On a reference calling it asks; on ``self`` it runs here and now, within the same turn."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]: ...

    def tell(self, *args: P.args, **kwargs: P.kwargs) -> Awaitable[None]:
        """Send it as a message: within a turn it joins the turn at once, elsewhere await it until it is stored."""
        ...


class Handler(Generic[P, R_co]):
    """A decorated method, as it stands in its class. ``name`` is its name on the wire."""

    def __init__(
        self,
        function: Callable[Concatenate[Any, P], Awaitable[R_co]],
        *,
        query: bool,
        name: str | None = None,
        access: Access,
        max_age: float | None = None,
        deprecated: Deprecated | None = None,
    ) -> None:
        if not inspect.iscoroutinefunction(function):
            raise ConfigurationError(f"{_named(function)} must be `async def`: commands and queries run on the event loop")
        self.function = cast("Callable[..., Coroutine[Any, Any, R_co]]", function)
        self.query = query
        self.name = name or function.__name__
        self.access = access
        self.max_age = max_age
        self.deprecated = deprecated
        self.__doc__ = function.__doc__

    def __set_name__(self, owner: type, attribute: str) -> None:
        self.attribute = attribute

    @overload
    def __get__(self, instance: None, owner: type) -> Handler[P, R_co]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Call[P, R_co]: ...
    def __get__(self, instance: object | None, owner: type) -> Handler[P, R_co] | Call[P, R_co]:
        return self if instance is None else _Inline(self, instance)


class _Inline(Generic[P, R_co]):
    """A decorated method, bound to an actor in memory."""

    __slots__ = ("_actor", "_handler")

    def __init__(self, handler: Handler[P, R_co], actor: Any) -> None:
        self._handler = handler
        self._actor = actor

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]:
        handler = self._handler
        if not handler.query and isinstance(self._actor._scope, QueryScope):
            raise Misuse(f"a query only reads, it cannot run the command {handler.name}: make the method a @command")
        return handler.function(self._actor, *args, **kwargs)

    def tell(self, *args: P.args, **kwargs: P.kwargs) -> Awaitable[None]:
        actor = self._actor
        call: Call[P, R_co] = getattr(actor.actor(type(actor), actor.key), self._handler.attribute)
        return call.tell(*args, **kwargs)


class Decorator(Protocol):
    """What `command` and `query` give when they are called with options."""

    def __call__(self, function: Callable[Concatenate[Any, P], Awaitable[R]], /) -> Handler[P, R]: ...


@overload
def command(function: Callable[Concatenate[Any, P], Awaitable[R]], /) -> Handler[P, R]: ...
@overload
def command(
    *,
    name: str | None = None,
    deprecated: Deprecated | None = None,
    scope: str | None = None,
    anyone: bool = False,
    owner: str | None = None,
    roles: Sequence[str] | None = None,
    owned: Sequence[str] | None = None,
) -> Decorator: ...
def command(function: Any = None, /, *, name: str | None = None, deprecated: Deprecated | None = None, **access: Any) -> Any:
    """Make an ``async def`` method a command: it may change the state, and its answer leaves after its commit.

    ``name`` on the wire, if not the method's own; ``deprecated`` if nobody should begin to use it. The others say who may use it from the web, where that differs from what
    the class says: see `natya.access`.
    """

    def decorate(function: Callable[Concatenate[Any, P], Awaitable[R]]) -> Handler[P, R]:
        declared = Access.declared(_named(function), **access)
        return Handler(function, query=False, name=name, access=declared, deprecated=deprecated)

    return decorate if function is None else decorate(function)


@overload
def query(function: Callable[Concatenate[Any, P], Awaitable[R]], /) -> Handler[P, R]: ...
@overload
def query(
    *,
    name: str | None = None,
    max_age: float | None = None,
    deprecated: Deprecated | None = None,
    scope: str | None = None,
    anyone: bool = False,
    owner: str | None = None,
    roles: Sequence[str] | None = None,
    owned: Sequence[str] | None = None,
) -> Decorator: ...
def query(
    function: Any = None,
    /,
    *,
    name: str | None = None,
    max_age: float | None = None,
    deprecated: Deprecated | None = None,
    **access: Any,
) -> Any:
    """Make an ``async def`` method a query: it only reads, and sends nothing.

    ``max_age`` is how many seconds the edge's clients may reuse an answer; the others are as for `command`.
    """

    def decorate(function: Callable[Concatenate[Any, P], Awaitable[R]]) -> Handler[P, R]:
        declared = Access.declared(_named(function), **access)
        return Handler(function, query=True, name=name, access=declared, max_age=max_age, deprecated=deprecated)

    return decorate if function is None else decorate(function)


def _named(function: object) -> str:
    return getattr(function, "__qualname__", repr(function))


class Lift:
    """A migration, as it stands in its class."""

    def __init__(self, from_schema: int, function: Migration) -> None:
        self.from_schema = from_schema
        self.function = function

    def __call__(self, state: dict[str, Any], /) -> dict[str, Any]:
        return self.function(state)


def migration(*, from_schema: int) -> Callable[[Migration | staticmethod[[dict[str, Any]], dict[str, Any]]], Lift]:
    """Make a function of the class (no ``self``) lift a stored state, a dictionary, from ``from_schema`` to the next.

    A class at ``schema=3`` lifts a state of schema 1 by the migrations from 1 and from 2; a step without one is none.
    """

    def decorate(function: Migration | staticmethod[[dict[str, Any]], dict[str, Any]]) -> Lift:
        plain = function.__func__ if isinstance(function, staticmethod) else function
        if not inspect.isfunction(plain) or inspect.iscoroutinefunction(plain):
            raise ConfigurationError(f"{plain!r} cannot be a migration: write a plain function, dict -> dict")
        if len(parameters := list(inspect.signature(plain).parameters)) != 1 or parameters == ["self"]:
            raise ConfigurationError(f"{plain.__qualname__} must take the stored state alone, without self: dict -> dict")
        return Lift(from_schema, plain)

    return decorate
