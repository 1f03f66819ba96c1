"""References: an actor that is somewhere else, as an object whose methods send.

Where the class is at hand, a `Ref` is *typed* as the class (`platform.actor(Account, "alice")` is an ``Account`` for a type
checker), so its methods carry their own signatures. Where it is not, every method name is taken as it comes.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from natya.codec import to_json
from natya.errors import Invalid, UnknownMethod
from natya.names import check_kind, check_method, encode_key

if TYPE_CHECKING:
    from natya.manifest import Definition
    from natya.method import Method


@dataclass(frozen=True, slots=True)
class Options:
    """How a message is sent. ``id`` of the intention (empty: a new one), ``timeout`` in seconds (None: the sender's
    default), ``if_version``: run only at this version of the actor, ``keep``: seconds to remember the outcome."""

    id: str = ""
    timeout: float | None = None
    if_version: int | None = None
    keep: int = 0


DEFAULTS = Options()


class Sender(Protocol):
    """Whoever carries messages: a client, or the running turn."""

    def ask(self, kind: str, key: str, method: str, body: bytes, options: Options) -> Awaitable[bytes]:
        """Send and await the JSON result. Raises `natya.errors.NatyaError`."""
        ...

    def tell(self, kind: str, key: str, method: str, body: bytes, options: Options) -> Awaitable[None]:
        """Send; when awaited, the message is stored (from a client) or has joined the turn."""
        ...


class Ref:
    """One actor, by kind and key. ``await ref.deposit(amount=5)`` asks, ``await ref.deposit.tell(amount=5)`` tells.

    With a ``definition`` arguments are bound like those of the method itself (`TypeError`) and results are of the annotated
    type; without one they are plain JSON values. Raises `Invalid` for a kind or key that cannot be.
    """

    __slots__ = ("_definition", "_key", "_kind", "_options", "_sender")

    def __init__(
        self, sender: Sender, kind: str, key: str, definition: Definition | None = None, options: Options = DEFAULTS
    ) -> None:
        self._sender = sender
        self._kind = check_kind(kind)
        self._key = key
        self._definition = definition
        self._options = options
        encode_key(key)

    @property
    def key(self) -> str:
        """The actor's key."""
        return self._key

    def __getattr__(self, attribute: str) -> RefCall:
        if attribute.startswith("_"):
            raise AttributeError(attribute)
        if attribute == "state":
            raise AttributeError(f"{self!r} is somewhere else and its state cannot be read: ask it, with a @query")
        if self._definition is None:
            return RefCall(self, check_method(attribute), None)
        method = self._definition.attributes.get(attribute)
        if method is None:
            raise AttributeError(f"{self!r} has no method {attribute!r}: it has {', '.join(self._definition.attributes)}")
        return RefCall(self, method.name, method)

    def method(self, name: str) -> RefCall:
        """The call of a method by its name on the wire. Raises `UnknownMethod` where the class is known and has none."""
        if self._definition is None:
            return RefCall(self, check_method(name), None)
        method = self._definition.methods.get(name)
        if method is None:
            names = sorted(self._definition.methods)
            raise UnknownMethod(f"{self._kind} has no method {name!r}: it has {', '.join(names)}", methods=names)
        return RefCall(self, name, method)

    def __repr__(self) -> str:
        return f"<Ref {self._kind}/{self._key}>"


class RefCall:
    """One method of one actor, ready to be sent."""

    __slots__ = ("_method", "_name", "_ref")

    def __init__(self, ref: Ref, name: str, method: Method | None) -> None:
        self._ref = ref
        self._name = name
        self._method = method

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        ref = self._ref
        body = self._body(args, kwargs)
        result = await ref._sender.ask(ref._kind, ref._key, self._name, body, ref._options)
        return orjson.loads(result) if self._method is None else self._method.load(result)

    def tell(self, *args: Any, **kwargs: Any) -> Awaitable[None]:
        """Send without awaiting an answer. Within a turn the message has joined it when this returns; elsewhere await it."""
        ref = self._ref
        return ref._sender.tell(ref._kind, ref._key, self._name, self._body(args, kwargs), ref._options)

    def _body(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        if self._method is not None:
            return self._method.encode(args, kwargs)
        if args:
            raise TypeError(f"{self._name}: name the arguments; their order is not known without the class")
        try:
            return to_json(kwargs) if kwargs else b""
        except ValueError as error:
            raise Invalid(f"{self._name}: the arguments cannot be written as JSON: {error}") from error
