"""The journals, so that checks can ask for the turns of an id and for what caused a turn."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from natya.message import Message
from natya.names import encode_key, partition_of
from natya.runtime.turn import STRAY, ask_prefix
from natya_ops.chaos.checks.evidence import Entry
from natya_ops.chaos.record import Operation

ASKED: Final = re.compile(r"[0-9a-f]{32}/[0-9]+\Z")
"""The id of an ask that was made in a turn: its prefix stands for that turn."""
SENT: Final = re.compile(r"([a-z][a-z0-9_]*)\.([0-9]+)\.([0-9]+)\.([0-9]+)\.([0-9]+)\Z")
"""The id of a tell or an event that a turn sent: kind, partition, sequence, turn, number."""

BUSINESS: Final = 409
"""The code of an actor's own *no*."""

Place = tuple[str, str, str]
"""A turn by kind, token and message id."""


@dataclass(frozen=True, slots=True)
class Line:
    """One turn as its journal has it. ``effect``: the actor's version grew by it. A letter that came again, which is answered as
    before, has a line and no effect."""

    kind: str
    partition: int
    sequence: int
    number: int
    turn: Mapping[str, Any]
    effect: bool

    @property
    def token(self) -> str:
        return str(self.turn["key"])

    @property
    def id(self) -> str:
        return str(self.turn["id"])

    @property
    def slug(self) -> str:
        """What it was refused with, empty for a success."""
        return str(self.turn["error"]["slug"]) if "error" in self.turn else ""

    @property
    def where(self) -> str:
        return f"{self.kind} partition {self.partition} record {self.sequence}"


def is_complete(entries: Sequence[Entry]) -> bool:
    """Whether a journal is known from its first record on: that is a fence that knows of nothing before it."""
    if not entries:
        return True
    header = entries[0].record.header
    return header.fence and not (header.checkpoint or header.since or header.sent)


class Journals:
    """All journals of a run. ``lines`` has the turns of each id, in their order."""

    def __init__(self, journals: Mapping[tuple[str, int], Sequence[Entry]]) -> None:
        self.entries = journals
        self.complete = {place: is_complete(entries) for place, entries in journals.items()}
        self.partitions: dict[str, int] = defaultdict(int)
        self.lines: defaultdict[Place, list[Line]] = defaultdict(list)
        self.of_key: defaultdict[tuple[str, str], list[Line]] = defaultdict(list)
        self._asking: dict[str, Place] = {}
        self._by_place: dict[tuple[str, int, int, int], Place] = {}
        for (kind, partition), entries in journals.items():
            self.partitions[kind] += 1
            versions: dict[str, int] = {}
            for entry in entries:
                self._read(kind, partition, entry, versions)

    def _read(self, kind: str, partition: int, entry: Entry, versions: dict[str, int]) -> None:
        for start in entry.record.starts:
            self._asks((kind, start["key"], start["id"]))
        for number, turn in enumerate(entry.record.turns):
            token, version = turn["key"], turn["v"]
            place = (kind, token, turn["id"])
            self._by_place[kind, partition, entry.sequence, number] = place
            if version == STRAY:
                continue
            before = versions.get(token, 0 if self.complete[kind, partition] else None)
            grew = version > before if before is not None else not self.lines[place]
            line = Line(kind, partition, entry.sequence, number, turn, "error" not in turn and grew)
            versions[token] = version
            self.lines[place].append(line)
            self.of_key[kind, token].append(line)

    def _asks(self, place: Place) -> None:
        kind, token, id = place
        self._asking[ask_prefix(Message(kind, token, 0, "", b"", id=id))] = place

    def of(self, operation: Operation) -> Sequence[Line]:
        """The turns of an operation: none if none is known."""
        return self.lines.get((operation.kind, encode_key(operation.key), operation.id), ())

    def knows(self, kind: str, token: str) -> bool:
        """Whether every turn of the actor is known."""
        count = self.partitions.get(kind)
        return bool(count) and self.complete.get((kind, partition_of(token, count or 1)), False)

    def cause(self, id: str) -> Place | None:
        """The turn that sent or asked what has this id, if the id is of that sort and the turn is known."""
        if ASKED.match(id):
            return self._asking.get(id.partition("/")[0])
        if found := SENT.match(id):
            kind, partition, sequence, turn, _ = found.groups()
            return self._by_place.get((kind, int(partition), int(sequence), int(turn)))
        return None

    def trimmed(self) -> str:
        """For summaries: where journals begin that are not complete; empty if all are."""
        cut = [(*place, self.entries[place][0].sequence) for place, whole in self.complete.items() if not whole]
        if not cut:
            return ""
        kind, partition, sequence = cut[0]
        return (
            f"; {len(cut)} of {len(self.complete)} journals are not known from their beginning "
            f"({kind} partition {partition}: from {sequence} on)"
        )
