"""What a partition remembers of messages that came before: where their ids are, and their outcomes.

The index leads to the journal. What is to be kept (``Natya-Keep``) is in the store by the time its record leaves the index or the
journal: both go no further than the checkpoint, which waits for the store. So an outcome that was to be kept is always found, also
by an owner that has just recovered, without looking at times.
"""

from __future__ import annotations

from dataclasses import dataclass

from natya.message import Answer
from natya.runtime.batch import decode, decode_answer
from natya.runtime.index import Index
from natya.runtime.stage import Stage


@dataclass(frozen=True, slots=True)
class Past:
    """A message that came before: the hash of its method and body, and its outcome. Without one it has only begun to call
    others, at ``started`` (ms)."""

    digest: str
    answer: Answer | None
    started: int = 0


class Remembered:
    """The memory of one partition."""

    def __init__(self, stage: Stage, index: Index, *, store_mark: str) -> None:
        self._world = stage.world
        self._kind = stage.definition.kind
        self._partition = stage.partition
        self._index = index
        self._mark = store_mark

    async def find(self, token: str, id: str, *, kept: bool) -> Past | None:
        """What is known of the message; ``kept`` says whether to look into the store too. The index is looked at before anything is
        awaited. Raises `JournalUnavailable`, `SnapshotsUnavailable`."""
        sequence = self._index.find(token, id)
        if sequence and (past := await self._in_journal(sequence, token, id)) is not None:
            return past
        if not kept:
            return None
        found = await self._world.snapshots.kept(self._kind, token, id, after=self._mark)
        return None if found is None else Past(found.digest, Answer(found.body, found.code, found.slug))

    async def _in_journal(self, sequence: int, token: str, id: str) -> Past | None:
        stored = await self._world.journal.at(self._kind, self._partition, sequence)
        if stored is None:
            return None
        record = decode(stored.data)
        for line in record.turns:
            if line["id"] == id and line["key"] == token:
                return Past(line["hash"], decode_answer(line))
        for line in record.starts:
            if line["id"] == id and line["key"] == token:
                return Past(line["hash"], None, line["at"])
        return None
