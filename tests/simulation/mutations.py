"""Ways to break the runtime, one at a time: each takes away a rule that holds the promises up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import pytest

from natya.errors import Unavailable
from natya.memory.stream import EXPECTED_LAST, Ack, Stream
from natya.message import Answer, Waiter
from natya.ports.journal import AppendConflict, AppendUnknown, JournalUnavailable, Record
from natya.runtime.batch import Position, decode
from natya.runtime.commit import Committer, Fenced
from natya.runtime.index import Index
from natya.runtime.mailbag import Mailbag
from natya.runtime.partition import Partition
from natya.runtime.query import Reader

Break: TypeAlias = Callable[[pytest.MonkeyPatch], None]


def no_fence(patch: pytest.MonkeyPatch) -> None:
    """The journal takes every append, whatever sequence it expects: who was replaced commits all the same."""
    append = Stream.append

    def take(stream: Stream, subject: str, data: bytes, headers: Mapping[str, str]) -> Ack:
        return append(stream, subject, data, {name: value for name, value in headers.items() if name != EXPECTED_LAST})

    patch.setattr(Stream, "append", take)


def forgetful_index(patch: pytest.MonkeyPatch) -> None:
    """The id index never finds anything."""
    patch.setattr(Index, "is_new", lambda index, token, id, sent: True)
    patch.setattr(Index, "find", lambda index, token, id: 0)


def mail_position_one_ahead(patch: pytest.MonkeyPatch) -> None:
    """The head of the mail's position is off by one."""
    position = Mailbag.position

    def ahead(mailbag: Mailbag) -> Position:
        found = position(mailbag)
        return Position(found.head + 1, found.behind)

    patch.setattr(Mailbag, "position", ahead)


def mail_position_of_what_is_read(patch: pytest.MonkeyPatch) -> None:
    """Mail counts as done when it has been read."""
    patch.setattr(Mailbag, "position", lambda mailbag: Position(mailbag._read, {}))


def queries_without_lease(patch: pytest.MonkeyPatch) -> None:
    """Whoever has answered a query says so, whether it still owns the actor or not."""

    def send(reader: Reader, waiter: Waiter, answer: Answer) -> None:
        waiter(answer)

    patch.setattr(Reader, "_send", send)


def outbox_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Who takes a partition over does not send what the one before had not."""
    begin = Partition.__init__

    def without(partition: Partition, around: Any, definition: Any, recovered: Any) -> None:
        recovered.outgoing.clear()
        begin(partition, around, definition, recovered)

    patch.setattr(Partition, "__init__", without)


def unknown_is_done(patch: pytest.MonkeyPatch) -> None:
    """An append without an answer is believed to be stored."""

    async def believed(committer: Committer, data: bytes, batch: str) -> int:
        try:
            return await _append_once(committer, data)
        except AppendUnknown:
            last = await _last(committer)
            return last.sequence if last is not None else 0

    patch.setattr(Committer, "_until_certain", believed)


def unknown_is_undone(patch: pytest.MonkeyPatch) -> None:
    """An append without an answer is believed not to be stored: its callers may repeat."""

    async def believed(committer: Committer, data: bytes, batch: str) -> int:
        return await _append_once(committer, data)

    patch.setattr(Committer, "_until_certain", believed)
    _give_up_unknown(patch)


def predecessor_is_proof(patch: pytest.MonkeyPatch) -> None:
    """An append without an answer is believed not to be stored if the last record is the one before it."""

    async def believed(committer: Committer, data: bytes, batch: str) -> int:
        try:
            return await _append_once(committer, data)
        except AppendUnknown:
            last = await _last(committer)
            if last is not None and decode(last.data).header.batch == batch:
                return last.sequence
            if last is None or last.sequence != committer.last:
                raise Fenced from None
            raise

    patch.setattr(Committer, "_until_certain", believed)
    _give_up_unknown(patch)


async def _append_once(committer: Committer, data: bytes) -> int:
    """Raises `AppendUnknown`, `Fenced`."""
    try:
        return await committer._world.journal.append(committer._kind, committer._partition, data, expected=committer.last)
    except AppendConflict as error:
        raise Fenced from error


async def _last(committer: Committer) -> Record | None:
    while True:
        try:
            return await committer._world.journal.last(committer._kind, committer._partition)
        except JournalUnavailable:
            await committer._world.clock.sleep(0.05)


def _give_up_unknown(patch: pytest.MonkeyPatch) -> None:
    """Callers of turns whose append is believed not to be stored are told to repeat, and the partition goes on."""
    append = Committer._append

    async def tried(committer: Committer, turns: Any, *rest: Any) -> None:
        try:
            await append(committer, turns, *rest)
        except AppendUnknown:
            for turn in turns:
                committer._owner.admission.forget(turn)  # type: ignore[attr-defined]
                turn.reply(Answer.of(Unavailable("the journal does not answer", retry_after=1)))

    patch.setattr(Committer, "_append", tried)


MUTATIONS: dict[Break, str] = {
    no_fence: "",
    forgetful_index: "",
    mail_position_one_ahead: "",
    mail_position_of_what_is_read: "",
    queries_without_lease: "lease",
    outbox_forgotten: "letters",
    unknown_is_done: "appends",
    unknown_is_undone: "appends",
    predecessor_is_proof: "appends",
}
"""What is broken → the fault that brings it out: only seeds that have it are worth running. Empty: any may."""
