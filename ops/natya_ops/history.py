"""The turns of one actor, read back from its partition's journal."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from natya.names import encode_key, partition_of
from natya.ports.journal import Journal, Record
from natya.runtime.batch import UnreadableRecord, decode

FIRST_LOOK: Final = 5_000
"""Sequences that are read at first, from the end. While they hold too few turns, eight times as many are read."""


@dataclass(frozen=True, slots=True)
class PastTurn:
    """One turn. ``time`` is when its batch was stored (ms since the epoch), ``sequence`` where; ``outcome`` is ``ok`` or an
    error's slug, ``answer`` the result or the problem document, ``sent`` what the turn sent: ``{"what", "subject"}``."""

    time: int
    sequence: int
    epoch: int
    node: str
    version: int
    method: str
    id: str
    outcome: str
    answer: Any
    sent: list[dict[str, str]]

    def document(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "time": datetime.fromtimestamp(self.time / 1000, UTC).isoformat(timespec="milliseconds"),
            "sequence": self.sequence,
            "epoch": self.epoch,
            "node": self.node,
            "version": self.version,
            "method": self.method,
            "id": self.id,
            "outcome": self.outcome,
            "answer": self.answer,
            "sent": self.sent,
        }


@dataclass(slots=True)
class History:
    """The newest turns, oldest first. ``complete`` says whether nothing older is in the journal; ``unreadable`` counts
    records of formats that this version does not know."""

    turns: list[PastTurn] = field(default_factory=list)
    complete: bool = False
    unreadable: int = 0


async def read_history(journal: Journal, kind: str, key: str, partitions: int, *, limit: int) -> History:
    """The last ``limit`` turns of an actor that are still in the journal. Raises `JournalUnavailable`."""
    token = encode_key(key)
    partition = partition_of(token, partitions)
    last = await journal.last(kind, partition)
    if last is None:
        return History(complete=True)
    look = FIRST_LOOK
    while True:
        start = max(1, last.sequence - look + 1)
        history = await _collect(journal.read(kind, partition, start=start, end=last.sequence), token, limit + 1)
        if start == 1 or len(history.turns) > limit:
            history.complete = len(history.turns) <= limit
            history.turns = history.turns[-limit:]
            return history
        look *= 8


async def _collect(records: AsyncIterator[Record], token: str, limit: int) -> History:
    history = History()
    newest: deque[PastTurn] = deque(maxlen=limit)
    marker = f'"key":"{token}"'.encode()
    async for record in records:
        if marker not in record.data and b'"format":1,' in record.data[:20]:
            continue  # most records are about others: parsing them would be most of the work
        try:
            found = decode(record.data)
        except UnreadableRecord:
            history.unreadable += 1
            continue
        newest.extend(
            _past(record, found.header.epoch, found.header.node, line) for line in found.turns if line["key"] == token
        )
    history.turns = list(newest)
    return history


def _past(record: Record, epoch: int, node: str, line: dict[str, Any]) -> PastTurn:
    error = line.get("error")
    return PastTurn(
        time=record.time,
        sequence=record.sequence,
        epoch=epoch,
        node=node,
        version=line["v"],
        method=line["method"],
        id=line["id"],
        outcome="ok" if error is None else error["slug"],
        answer=line["answer"] if error is None else error["problem"],
        sent=[{"what": what_is(out["subject"]), "subject": out["subject"]} for out in line.get("out", ())],
    )


def what_is(subject: str) -> str:
    """What a turn sent, from its subject: ``tell inbox/bob.deliver``, ``event delivered``, ``dead letter``, ``reply``."""
    match subject.split("."):
        case [_, "tell", kind, token, method]:
            return f"tell {kind}/{token}.{method}"
        case [_, "event", _, _, event]:
            return f"event {event}"
        case [_, "dead", _, _, _]:
            return "dead letter"
        case _:
            return "reply"
