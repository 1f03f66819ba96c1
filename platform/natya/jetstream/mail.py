"""`natya.ports.mail.Mail` on streams ``natya_mail_<kind>``."""

from __future__ import annotations

from typing import Final

from natya.jetstream.connection import Connection
from natya.jetstream.pull import Broken, Pull, open_pull
from natya.jetstream.requests import NoAnswer, get_message, purge
from natya.names import Subjects
from natya.ports.mail import Letter, MailReader, MailUnavailable

_PORTION: Final = 500
_WAIT: Final = 1.0
"""Seconds that a reader waits for a lost connection before it says that mail is unavailable."""

_PASSES: Final = 2
"""Passes that may break in one call of `next` before it says so."""


class JetStreamMail:
    """See `natya.ports.mail.Mail`."""

    def __init__(self, connection: Connection, subjects: Subjects) -> None:
        self._connection = connection
        self._subjects = subjects

    async def reader(self, kind: str, partition: int, *, start: int) -> MailReader:
        reader = JetStreamMailReader(
            self._connection, self._subjects.mail_stream(kind), self._subjects.mail(kind, partition), start
        )
        await reader.start()
        return reader

    async def of_key(self, kind: str, partition: int, token: str, *, start: int, limit: int) -> list[Letter]:
        stream, subject = self._subjects.mail_stream(kind), self._subjects.mail(kind, partition, token)
        letters: list[Letter] = []
        while len(letters) < limit:
            try:
                found = await get_message(self._connection, stream, {"next_by_subj": subject, "seq": max(1, start)})
            except NoAnswer as error:
                raise MailUnavailable(str(error)) from error
            if found is None:
                break
            _, method = found.subject.rsplit(".", 1)
            letters.append(Letter(found.sequence, token, method, found.data, found.time, found.headers))
            start = found.sequence + 1
        return letters

    async def purge(self, kind: str, partition: int, *, before: int) -> None:
        stream, subject = self._subjects.mail_stream(kind), self._subjects.mail(kind, partition)
        try:
            await purge(self._connection, stream, subject, before=before)
        except NoAnswer as error:
            raise MailUnavailable(str(error)) from error


class JetStreamMailReader:
    """One pass over a partition's mail. When the pass below breaks, another starts behind the last letter received: at once
    while there is a connection, and as soon as there is one again."""

    def __init__(self, connection: Connection, stream: str, subject: str, start: int) -> None:
        self._connection = connection
        self._stream = stream
        self._subject = subject
        self._start = start
        self._pull: Pull | None = None
        self._closed = False

    async def start(self) -> None:
        """Begin, or begin again. Raises `MailUnavailable`."""
        if not await self._connection.wait_connected(_WAIT):
            raise MailUnavailable("not connected to NATS")
        try:
            self._pull, _ = await open_pull(
                self._connection, self._stream, self._subject, start=self._start, portion=_PORTION
            )
        except Broken as error:
            raise MailUnavailable(str(error)) from error

    async def next(self, limit: int) -> list[Letter]:
        problem = "the reader is closed"
        for _ in range(_PASSES):
            if self._closed:
                break
            if self._pull is None:
                await self.start()
            pull = self._pull
            assert pull is not None
            try:
                items = await pull.next(limit)
            except Broken as error:
                problem = str(error)
                pull.close()
                self._pull = None
                continue
            letters = []
            for sequence, time, _, arrival in items:
                token, method = arrival.subject.rsplit(".", 2)[1:]
                letters.append(Letter(sequence, token, method, arrival.data, time, arrival.headers))
            self._start = items[-1].sequence + 1
            return letters
        raise MailUnavailable(problem)

    async def close(self) -> None:
        self._closed = True
        if self._pull is not None:
            self._pull.close()
