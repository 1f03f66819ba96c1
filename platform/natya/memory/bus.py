"""Messages over one connection to the memory server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import orjson

from natya.memory.broker import MemoryBroker
from natya.memory.connection import MemoryConnection
from natya.memory.stream import NoRoom, WrongLastSequence
from natya.memory.wire import Delivered, Interest
from natya.message import NO_HEADERS, Answer, Delivery
from natya.ports.bus import Disconnected, Handler, NoReply, NoResponders, PayloadTooLarge, Refused


class MemoryBus(MemoryConnection):
    """Implements `natya.ports.bus.Bus`."""

    def __init__(self, broker: MemoryBroker, name: str = "bus") -> None:
        super().__init__(broker, name)
        self._inbox = f"_INBOX.{broker.ids.new()}"
        self._requests: dict[str, asyncio.Future[Delivery]] = {}
        self._count = 0
        self.start(MemorySubscription(self, f"{self._inbox}.*", self._replied, ""))

    @property
    def max_payload(self) -> int:
        return self.broker.max_payload

    def publish(self, subject: str, data: bytes, headers: Mapping[str, str] | None = None, reply: str = "") -> None:
        self.check_connected()
        size = len(data) + _wire_size(headers)
        if size > self.max_payload:
            raise PayloadTooLarge(
                f"{size} bytes with headers: at most {self.max_payload} are allowed", limit=self.max_payload, size=size
            )
        message = Delivered(subject, reply, dict(headers) if headers else NO_HEADERS, data)
        self.send(subject, lambda: self.broker.accept(self, message))

    def respond(self, subject: str, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        if not subject:
            return
        with suppress(Disconnected):
            try:
                self.publish(subject, data, headers)
            except PayloadTooLarge as error:
                answer = Answer.of(error)
                self.publish(subject, answer.body, answer.headers())

    async def request(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None, *, timeout: float
    ) -> Delivery:
        self._count += 1
        reply = f"{self._inbox}.{self._count}"
        answer: asyncio.Future[Delivery] = asyncio.get_running_loop().create_future()
        self._requests[reply] = answer
        try:
            self.publish(subject, data, headers, reply)
            delivered = await self.wait(answer, timeout)
        finally:
            del self._requests[reply]
        if delivered.headers.get("Status") == "503":
            raise NoResponders(subject)
        return delivered

    def _replied(self, delivered: Delivery) -> None:
        answer = self._requests.get(delivered.subject)
        if answer and not answer.done():
            answer.set_result(delivered)

    async def store(self, subject: str, data: bytes, headers: Mapping[str, str] | None = None, *, timeout: float) -> int:
        try:
            return await self.append(subject, data, headers, timeout=timeout)
        except NoRoom as error:
            raise NoReply(str(error)) from error

    async def append(self, subject: str, data: bytes, headers: Mapping[str, str] | None, *, timeout: float) -> int:
        """Like `store`, but says why not: raises `WrongLastSequence` and `NoRoom` as well."""
        delivered = await self.request(subject, data, headers, timeout=timeout)
        ack = orjson.loads(delivered.data)
        if "error" not in ack:
            sequence: int = ack["seq"]
            return sequence
        reason = ack["error"]["description"]
        match ack["error"]["err_code"]:
            case 10071:
                raise WrongLastSequence(reason)
            case 10047:
                raise NoRoom(reason)
            case _:
                raise Refused(reason)

    async def subscribe(self, subject: str, handler: Handler, *, queue: str = "") -> MemorySubscription:
        """Also raises `Disconnected`, and then there is no subscription."""
        subscription = MemorySubscription(self, subject, handler, queue)
        await self.open(subscription)
        return subscription


class MemorySubscription:
    """Implements `natya.ports.bus.Subscription`."""

    def __init__(self, bus: MemoryBus, subject: str, handler: Handler, queue: str) -> None:
        self._bus = bus
        self._interest = Interest(bus, subject, queue, handler)

    def attach(self) -> None:
        self._bus.broker.add(self._interest)

    def detach(self) -> None:
        self._bus.broker.remove(self._interest)

    async def unsubscribe(self) -> None:
        await self._bus.shut(self)


def _wire_size(headers: Mapping[str, str] | None) -> int:
    """Bytes of a NATS header block: a version line, a line for each header, an empty line."""
    if not headers:
        return 0
    return 12 + sum(len(name.encode()) + len(value.encode()) + 4 for name, value in headers.items())
