"""`natya.ports.mail.Mail` on streams ``natya_mail_<kind>``."""

from __future__ import annotations

from typing import Final

from natya.jetstream.connection import Connection
from natya.jetstream.follow import PASSES, Follow
from natya.jetstream.pull import Broken
from natya.jetstream.requests import NoAnswer, get_message, purge
from natya.names import Subjects
from natya.ports.mail import Letter, MailReader, MailUnavailable

_PORTION: Final = 500


class JetStreamMail:
    """See `natya.ports.mail.Mail`."""

    def __init__(self, connection: Connection, subjects: Subjects) -> None:
        self._connection = connection
        self._subjects = subjects

    async def reader(self, kind: str, partition: int, *, start: int) -> MailReader:
        stream, subject = self._subjects.mail_stream(kind), self._subjects.mail(kind, partition)
        reader = JetStreamMailReader(Follow(self._connection, stream, subject, start=start, portion=_PORTION))
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
    """See `natya.ports.mail.MailReader`."""

    def __init__(self, follow: Follow) -> None:
        self._follow = follow

    async def start(self) -> None:
        """Begin. Raises `MailUnavailable`."""
        try:
            await self._follow.open()
        except Broken as error:
            raise MailUnavailable(str(error)) from error

    async def next(self, limit: int) -> list[Letter]:
        problem = ""
        for _ in range(PASSES):
            try:
                items = await self._follow.next(limit)
            except Broken as error:
                problem = str(error)
                continue
            letters = []
            for sequence, time, _, arrival in items:
                token, method = arrival.subject.rsplit(".", 2)[1:]
                letters.append(Letter(sequence, token, method, arrival.data, time, arrival.headers))
            return letters
        raise MailUnavailable(problem)

    async def close(self) -> None:
        self._follow.close()
