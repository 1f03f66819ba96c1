"""Stored tells in the memory server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from natya.memory.bus import MemoryBus
from natya.memory.follow import wait_for_more
from natya.memory.stream import Stored, Stream
from natya.ports.bus import Disconnected, NoReply
from natya.ports.mail import Letter, MailUnavailable

T = TypeVar("T")


class MemoryMail:
    """Implements `natya.ports.mail.Mail` over one connection. ``timeout`` in seconds, for each request."""

    def __init__(self, bus: MemoryBus, *, timeout: float = 2.0) -> None:
        self._bus = bus
        self._subjects = bus.broker.subjects
        self._timeout = timeout

    async def reader(self, kind: str, partition: int, *, start: int) -> MemoryMailReader:
        await self.ask(kind, lambda stream: None)
        return MemoryMailReader(self, self._bus, kind, self._subjects.mail(kind, partition), start)

    async def of_key(self, kind: str, partition: int, token: str, *, start: int, limit: int) -> list[Letter]:
        pattern = self._subjects.mail(kind, partition, token)
        return [_letter(stored) for stored in await self.ask(kind, lambda s: s.read(pattern, start=start, limit=limit))]

    async def purge(self, kind: str, partition: int, *, before: int) -> None:
        await self.ask(kind, lambda stream: stream.purge(self._subjects.mail(kind, partition), before=before))

    def stream(self, kind: str) -> Stream:
        """Where a kind's mail is. Raises `MailUnavailable`."""
        name = self._subjects.mail_stream(kind)
        stream = self._bus.broker.stream(name)
        if stream is None:
            raise MailUnavailable(f"there is no stream {name}: the kind was never made")
        return stream

    async def ask(self, kind: str, action: Callable[[Stream], T]) -> T:
        """Do something with the kind's stream, there. Raises `MailUnavailable`."""
        stream = self.stream(kind)
        try:
            return await self._bus.trip(f"$JS.API.{stream.name}", lambda: action(stream), timeout=self._timeout)
        except (Disconnected, NoReply) as error:
            raise MailUnavailable(str(error)) from error


class MemoryMailReader:
    """Implements `natya.ports.mail.MailReader`."""

    def __init__(self, mail: MemoryMail, bus: MemoryBus, kind: str, pattern: str, start: int) -> None:
        self._mail = mail
        self._bus = bus
        self._kind = kind
        self._pattern = pattern
        self._start = start

    async def next(self, limit: int) -> list[Letter]:
        stream = self._mail.stream(self._kind)
        try:
            found = await wait_for_more(
                self._bus,
                stream,
                lambda: self._mail.ask(self._kind, lambda s: s.read(self._pattern, start=self._start, limit=limit)),
            )
        except NoReply as error:
            raise MailUnavailable(str(error)) from error
        self._start = found[-1].sequence + 1
        return [_letter(stored) for stored in found]

    async def close(self) -> None:
        """There is nothing to let go of."""


def _letter(stored: Stored) -> Letter:
    token, method = stored.subject.split(".")[-2:]
    return Letter(stored.sequence, token, method, stored.data, stored.time, stored.headers)
