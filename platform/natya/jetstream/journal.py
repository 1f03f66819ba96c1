"""`natya.ports.journal.Journal` on streams ``natya_journal_<kind>_<n>``.

An append carries the expected last sequence of its subject and no ``Nats-Msg-Id``: the server compares and stores in one
step. It answers in the one way that can be believed, so `append` sorts answers carefully:

======================================================  =====================
acknowledged                                            the new sequence
10071: the last sequence is another one                 `AppendConflict`
too large for server, stream or header                  `AppendTooLarge`
a quota, a limit (10002, 10023, 10028, 10047, 10077)    `AppendRefused`
no answer, no leader, 503, 10163, 10164, disconnected   `AppendUnknown`
======================================================  =====================

Each speaks of this very attempt: a refusal of a repeated append says nothing about the attempt before it.

When the disk is full nats-server does not answer at all, and what it got may be stored or not: that is *unknown*. A stream
whose write failed answers nothing more until nats-server is restarted, also when there is room again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

from natya.jetstream.connection import Connection
from natya.jetstream.headers import encode_headers
from natya.jetstream.pull import Broken, Pull, open_pull
from natya.jetstream.requests import EXPECTED, ApiError, NoAnswer, Verdict, api, get_message, purge, read_ack
from natya.names import Subjects
from natya.ports.bus import Disconnected, NoReply, NoResponders, PayloadTooLarge
from natya.ports.journal import (
    AppendConflict,
    AppendRefused,
    AppendTooLarge,
    AppendUnknown,
    JournalUnavailable,
    Record,
)

_PORTION: Final = 2_000
_PATIENCE: Final = 5.0
_ATTEMPTS: Final = 3


class JetStreamJournal:
    """See `natya.ports.journal.Journal`. ``timeout``: seconds after which an append without an answer is unknown."""

    def __init__(self, connection: Connection, subjects: Subjects, *, timeout: float = 2.0) -> None:
        self._connection = connection
        self._subjects = subjects
        self._timeout = timeout

    async def append(self, kind: str, partition: int, data: bytes, *, expected: int) -> int:
        subject = self._subjects.journal(kind, partition)
        headers = {EXPECTED: str(expected)}
        try:
            return read_ack(await self._connection.request(subject, data, headers, timeout=self._timeout))
        except (Disconnected, NoResponders, NoReply) as error:
            raise AppendUnknown(str(error)) from error
        except PayloadTooLarge as error:
            raise AppendTooLarge(self._connection.max_payload - len(encode_headers(headers))) from error
        except ApiError as error:
            match error.verdict:
                case Verdict.CONFLICT:
                    raise AppendConflict(str(error)) from error
                case Verdict.TOO_LARGE:
                    raise AppendTooLarge(await self._limit(kind, partition, headers)) from error
                case Verdict.UNKNOWN:
                    raise AppendUnknown(str(error)) from error
                case Verdict.NO_ROOM | Verdict.REFUSED:
                    raise AppendRefused(str(error)) from error

    async def _limit(self, kind: str, partition: int, headers: dict[str, str]) -> int:
        limit = self._connection.max_payload
        try:
            info = await api(self._connection, f"STREAM.INFO.{self._subjects.journal_stream(kind, partition)}")
        except (NoAnswer, ApiError):
            pass
        else:
            configured = int(info["config"].get("max_msg_size", -1))
            limit = min(limit, configured) if configured >= 0 else limit
        return max(0, limit - len(encode_headers(headers)))

    async def last(self, kind: str, partition: int) -> Record | None:
        return await self._get(kind, partition, {"last_by_subj": self._subjects.journal(kind, partition)})

    async def at(self, kind: str, partition: int, sequence: int) -> Record | None:
        return await self._get(kind, partition, {"seq": sequence}) if sequence > 0 else None

    async def _get(self, kind: str, partition: int, query: dict[str, object]) -> Record | None:
        stream = self._subjects.journal_stream(kind, partition)
        try:
            found = await get_message(self._connection, stream, query)
        except NoAnswer as error:
            raise JournalUnavailable(str(error)) from error
        if found is None or found.subject != self._subjects.journal(kind, partition):
            return None
        return Record(found.sequence, found.data, found.time)

    async def read(self, kind: str, partition: int, *, start: int, end: int) -> AsyncGenerator[Record, None]:
        pull: Pull | None = None
        attempts = 0
        try:
            while start <= end:
                try:
                    if pull is None:
                        pull = await self._pull(kind, partition, start)
                    items = await pull.next(_PORTION, patience=_PATIENCE)
                except Broken as error:
                    attempts += 1
                    if attempts == _ATTEMPTS:
                        raise JournalUnavailable(str(error)) from error
                    if pull is not None:
                        pull.close()
                        pull = None
                    if not await self._connection.wait_connected(1.0):
                        raise JournalUnavailable(str(error)) from error
                    continue
                attempts = 0
                for sequence, time, _, arrival in items:
                    if sequence > end:
                        return
                    start = sequence + 1
                    yield Record(sequence, arrival.data, time)
        finally:
            if pull is not None:
                pull.close()

    async def _pull(self, kind: str, partition: int, start: int) -> Pull:
        stream, subject = self._subjects.journal_stream(kind, partition), self._subjects.journal(kind, partition)
        pull, _ = await open_pull(self._connection, stream, subject, start=start, portion=_PORTION)
        return pull

    async def trim(self, kind: str, partition: int, *, before: int) -> None:
        # The last record may be the one just below `before`: it must stay, or a replaced owner could append to an empty
        # journal. It can only move up in the meantime, so what was last when we looked is a safe bound.
        last = await self.last(kind, partition)
        if last is None:
            return
        stream, subject = self._subjects.journal_stream(kind, partition), self._subjects.journal(kind, partition)
        try:
            await purge(self._connection, stream, subject, before=min(before, last.sequence))
        except NoAnswer as error:
            raise JournalUnavailable(str(error)) from error
