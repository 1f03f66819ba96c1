"""`natya.ports.bus.Bus` on a connection to NATS."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from natya.jetstream.connection import Connection
from natya.jetstream.listener import Listener
from natya.jetstream.parser import Arrival
from natya.jetstream.requests import ApiError, Verdict, read_ack
from natya.ports.bus import Handler, NoReply, PayloadTooLarge, Refused


class JetStreamBus:
    """See `natya.ports.bus.Bus`; `Connection` tells how its promises are kept."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def connected(self) -> bool:
        return self._connection.connected

    @property
    def server(self) -> str:
        return self._connection.server

    @property
    def max_payload(self) -> int:
        return self._connection.max_payload

    def publish(self, subject: str, data: bytes, headers: Mapping[str, str] | None = None, reply: str = "") -> None:
        self._connection.publish(subject, data, headers, reply)

    def respond(self, subject: str, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        self._connection.respond(subject, data, headers)

    async def request(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None, *, timeout: float
    ) -> Arrival:
        return await self._connection.request(subject, data, headers, timeout=timeout)

    async def store(self, subject: str, data: bytes, headers: Mapping[str, str] | None = None, *, timeout: float) -> int:
        try:
            return read_ack(await self._connection.request(subject, data, headers, timeout=timeout))
        except ApiError as error:
            match error.verdict:
                case Verdict.TOO_LARGE:
                    raise PayloadTooLarge(f"the stream of {subject}: {error}", size=len(data)) from error
                case Verdict.UNKNOWN | Verdict.NO_ROOM:
                    raise NoReply(f"the stream of {subject}: {error}") from error
                case Verdict.REFUSED | Verdict.CONFLICT:
                    raise Refused(f"the stream of {subject}: {error}") from error

    async def subscribe(self, subject: str, handler: Handler, *, queue: str = "") -> Listener:
        return await self._connection.subscribe(subject, handler, queue=queue)

    def on_disconnect(self, callback: Callable[[], None]) -> Callable[[], None]:
        return self._connection.on_disconnect(callback)

    def on_reconnect(self, callback: Callable[[], None]) -> Callable[[], None]:
        return self._connection.on_reconnect(callback)
