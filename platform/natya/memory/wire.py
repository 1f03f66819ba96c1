"""What passes between the memory server and its connections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from natya.ports.bus import Handler

NO_RESPONDERS: Final = {"Status": "503"}
"""The headers of the empty reply to a request that nobody takes."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """Implements `natya.message.Delivery`."""

    subject: str
    reply: str
    headers: Mapping[str, str]
    data: bytes


class Connection(Protocol):
    """A client as the server sees it."""

    def deliver(self, subject: str, arrive: Callable[[], object], *, sure: bool = False) -> None:
        """Send something down this connection, under this subject; nothing ``sure`` is lost while the connection lives."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Interest:
    """One subscription as the server knows it."""

    connection: Connection
    pattern: str
    queue: str
    handler: Handler
