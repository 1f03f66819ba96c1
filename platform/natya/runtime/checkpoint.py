"""The checkpoint: the sequence before which a partition's journal is not needed to recover.

It is behind every snapshot that is not written, every message that is not acknowledged and every count that has no end, and stands in the header of each
record, as does the mail position when it has moved. A record that moves the checkpoint always has the position: who reads on
from there finds it.
"""

from __future__ import annotations

from collections.abc import Callable

from natya.names import JOURNAL_STREAMS
from natya.runtime.batch import Header, Position
from natya.runtime.mailbag import Mailbag
from natya.runtime.outbox import Outbox
from natya.runtime.trials import Trials
from natya.runtime.unwritten import Unwritten
from natya.runtime.world import World

POSITION_EVERY = 0.1
"""Least seconds between two records that have the mail position only because it moved."""


class Checkpoint:
    """What the records of one partition say of how far things are. ``last`` is the last record's sequence; ``recorded`` is what
    the last acknowledged record says, ``position`` what an acknowledged record says of the mail."""

    def __init__(
        self,
        world: World,
        unwritten: Unwritten,
        outbox: Outbox,
        mailbag: Mailbag,
        trials: Trials,
        *,
        last: Callable[[], int],
        recorded: int,
        position: Position,
        told: int,
    ) -> None:
        self._world = world
        self._unwritten = unwritten
        self._outbox = outbox
        self._mailbag = mailbag
        self._trials = trials
        self._last = last
        self._told = told
        self._position_at = 0.0
        self.recorded = recorded
        self.position = position

    def now(self) -> int:
        """Where the checkpoint may be by now."""
        bound = self._last()
        for oldest in (self._unwritten.oldest, self._outbox.oldest, self._trials.oldest):
            if oldest is not None and oldest <= bound:
                bound = oldest - 1
        return max(self.recorded, bound)

    @property
    def lag(self) -> int:
        """How much journal a successor would have to read, in sequence numbers of its stream."""
        return self._last() - self.now()

    @property
    def lagging(self) -> bool:
        """Whether that is more than it should be. A stream's sequence numbers are shared by several partitions."""
        return self.lag > self._world.settings.checkpoint_records * JOURNAL_STREAMS

    def for_header(self) -> tuple[int, str, Position | None]:
        """The checkpoint, the store's mark and, if it has moved, the mail position, for the next record."""
        checkpoint = self.now()
        time = self._world.clock.boottime()
        position = None
        if checkpoint != self.recorded or time - self._position_at > POSITION_EVERY:
            current = self._mailbag.position()
            if current != self.position or checkpoint != self.recorded:
                position = current
                self._position_at = time
        return checkpoint, self._world.snapshots.mark(), position

    def acknowledged(self, header: Header, sequence: int, *, told: bool) -> None:
        """A record with this header is stored; ``told`` says whether it had turns."""
        self.recorded = header.checkpoint
        if header.mail is not None:
            self.position = header.mail
        if told:
            self._told = sequence

    def due(self) -> bool:
        """Whether a record without turns is worth writing: the last turns are covered now, or mail is further."""
        return (self.now() > self.recorded and self._told > self.recorded) or self._mailbag.position() != self.position
