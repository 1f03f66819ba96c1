"""What an actor may do while it handles a message, and what it may not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NoReturn, Protocol

from natya.ref import Options


class Misuse(RuntimeError):
    """Raised when an actor does what is not allowed where it does it: a bug in its code, told to its author."""


class Scope(Protocol):
    """One running turn, set by the runtime on the instance for as long as it runs.

    ``now`` is aware and does not move during the turn; ``id`` is the message's; ``caller`` is empty if there is none.
    """

    @property
    def key(self) -> str: ...
    @property
    def caller(self) -> str: ...
    @property
    def now(self) -> datetime: ...
    @property
    def id(self) -> str: ...

    async def ask(self, kind: str, key: str, method: str, body: bytes, options: Options) -> bytes:
        """Send once the actor's earlier turns are committed, await the JSON result. Raises `natya.errors.NatyaError`."""
        ...

    def tell(self, kind: str, key: str, method: str, body: bytes, options: Options) -> None:
        """Join a message to the turn: it leaves after the commit."""
        ...

    def emit(self, event: str, body: bytes) -> None:
        """Join an event to the turn: it leaves after the commit."""
        ...


class QueryScope:
    """The scope of a query: it says who asks and when (``now_ms`` since the epoch), and sends nothing. Hot: one for each query."""

    __slots__ = ("_now_ms", "caller", "id", "key")

    def __init__(self, key: str, caller: str, now_ms: int, id: str = "") -> None:
        self.key = key
        self.caller = caller
        self.id = id
        self._now_ms = now_ms

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self._now_ms / 1000, UTC)

    async def ask(self, kind: str, key: str, method: str, body: bytes, options: Options) -> bytes:
        _refuse("ask")

    def tell(self, kind: str, key: str, method: str, body: bytes, options: Options) -> None:
        _refuse("tell")

    def emit(self, event: str, body: bytes) -> None:
        _refuse("emit")


def _refuse(what: str) -> NoReturn:
    raise Misuse(f"a query only reads, it cannot {what}: make the method a @command")
