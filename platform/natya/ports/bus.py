"""Messages that are not stored: requests, replies, and the connection itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from natya.errors import NatyaError
from natya.message import Delivery

Handler = Callable[[Delivery], None]
"""Called for each delivery, on the loop, in order of arrival; must not block. What it raises is a bug and is logged."""


class Disconnected(Exception):
    """Raised when there is no connection now. Nothing was sent, and nothing will be sent later."""


class NoResponders(Exception):
    """Raised when nobody subscribes to the subject of a request."""


class NoReply(Exception):
    """Raised when a request was sent and no reply came in time, or the connection broke: anything may have happened."""


class PayloadTooLarge(NatyaError):
    """Raised before sending when a payload exceeds `Bus.max_payload`."""

    code = 413
    slug = "too_large"


class Subscription(Protocol):
    """One subscription."""

    async def unsubscribe(self) -> None:
        """Stop, with a barrier: when this returns, everything the server had sent before has been handed to the handler,
        and nothing comes any more. Does nothing the second time."""
        ...


class Bus(Protocol):
    """One connection.

    `publish` and `respond` never wait and never buffer across a disconnect: what cannot go out now raises
    `Disconnected`.
    """

    @property
    def connected(self) -> bool: ...

    @property
    def server(self) -> str:
        """The id of the server this connection entered at; empty while disconnected."""
        ...

    @property
    def max_payload(self) -> int:
        """Bytes that one message may have, headers included."""
        ...

    def publish(self, subject: str, data: bytes, headers: Mapping[str, str] | None = None, reply: str = "") -> None:
        """Send. Raises `Disconnected`, `PayloadTooLarge`."""
        ...

    def respond(self, subject: str, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send an answer: like `publish`, but says nothing when the connection is gone (the caller will ask again) and
        answers with a `too_large` problem when the data is too large. Does nothing if ``subject`` is empty."""
        ...

    async def request(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None, *, timeout: float
    ) -> Delivery:
        """Send and await one reply. Raises `Disconnected`, `NoResponders`, `NoReply`, `PayloadTooLarge`."""
        ...

    async def store(self, subject: str, data: bytes, headers: Mapping[str, str] | None = None, *, timeout: float) -> int:
        """Publish to a subject that a stream takes, and await its acknowledgement; returns the stream's sequence (of the
        earlier message if the stream recognised a duplicate ``Nats-Msg-Id``). Raises `Disconnected`, `NoReply` (unknown
        whether stored, also on a stream that is electing or full for now), `NoResponders` (no stream takes the subject),
        `PayloadTooLarge` and `Refused` (the stream will not take it)."""
        ...

    async def subscribe(self, subject: str, handler: Handler, *, queue: str = "") -> Subscription:
        """Subscribe; when this returns the server knows (a true barrier: a message published by anyone afterwards is
        delivered)."""
        ...

    def on_disconnect(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back at once when the connection is lost, before anything else happens with it. What is returned ends that."""
        ...

    def on_reconnect(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back when a lost connection is there again and its subscriptions are made anew. What is returned ends that."""
        ...


class Refused(Exception):
    """Raised when a stream refuses a message for good; the text is the server's reason."""
