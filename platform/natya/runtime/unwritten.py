"""What is committed and not yet in the snapshot store: actors' states and kept outcomes of one partition.

Entries are ordered by the first record that made them unwritten, so the oldest is always the first, and with it how far the
checkpoint may go. A state that is being written stands aside; what is committed meanwhile makes the actor unwritten anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from natya.message import Message, Waiter
from natya.names import decode_key
from natya.ports.snapshots import Kept, Snapshot
from natya.runtime.query import MOVED
from natya.written import encode_written


@dataclass(slots=True)
class Unsaved:
    """One actor's last committed state, of this ``schema``. ``state`` None: the turns since the last write have not changed
    it. ``first`` is the first record that is not written, from ``time`` (ms)."""

    first: int
    time: int
    sequence: int
    version: int
    mail: int
    schema: int
    state: bytes | None


@dataclass(slots=True)
class Load:
    """How much all partitions of a node have not written, and how much they may."""

    limit: int
    limit_bytes: int
    actors: int = 0
    size: int = 0

    @property
    def pressing(self) -> bool:
        """Whether half of what is allowed is reached."""
        return self.actors >= self.limit // 2 or self.size >= self.limit_bytes // 2

    @property
    def full(self) -> bool:
        return self.actors >= self.limit or self.size >= self.limit_bytes


class Unwritten:
    """The unwritten actors and kept outcomes of one partition."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._waiting: dict[str, Unsaved] = {}
        self._writing: dict[str, Unsaved] = {}
        self._writing_first = 0
        self._kept: list[tuple[int, Kept]] = []
        self._keeping: list[tuple[int, Kept]] = []

    def __len__(self) -> int:
        return len(self._waiting) + len(self._writing) + len(self._kept) + len(self._keeping)

    def __contains__(self, token: str) -> bool:
        return token in self._waiting or token in self._writing

    @property
    def oldest(self) -> int | None:
        """The first journal sequence that is not wholly written."""
        firsts = [self._writing_first] if self._writing else []
        for entry in self._waiting.values():
            firsts.append(entry.first)
            break
        firsts += [sequence for sequence, _ in self._kept[:1]] + [sequence for sequence, _ in self._keeping[:1]]
        return min(firsts, default=None)

    @property
    def since(self) -> int | None:
        """When (ms) the oldest was committed that is not written; None if all is. Outcomes do not count."""
        times = [entry.time for entry in self._writing.values()]
        for entry in self._waiting.values():
            times.append(entry.time)
            break
        return min(times, default=None)

    def mark(
        self, token: str, sequence: int, version: int, mail: int, schema: int, state: bytes | None, *, time: int
    ) -> None:
        """The actor was committed in record ``sequence`` at ``time`` (ms); call in order of sequence."""
        entry = self._waiting.get(token)
        if entry is None:
            self._waiting[token] = Unsaved(sequence, time, sequence, version, mail, schema, state)
            self._load.actors += 1
            self._load.size += len(state) if state else 0
            return
        entry.sequence = sequence
        entry.version = version
        entry.mail = mail
        if state is not None:
            self._load.size += len(state) - (len(entry.state) if entry.state else 0)
            entry.state = state
            entry.schema = schema

    def restore(
        self, token: str, first: int, sequence: int, version: int, mail: int, schema: int, state: bytes | None, *, time: int
    ) -> None:
        """The journal says that the actor has been unwritten since record ``first``, or ``time``; call in order of ``first``."""
        self.mark(token, first, version, mail, schema, state, time=time)
        self._waiting[token].sequence = sequence

    def keep(self, sequence: int, kept: Kept) -> None:
        """An outcome to be remembered was committed in record ``sequence``."""
        self._kept.append((sequence, kept))

    def take(self, limit: int) -> list[Snapshot]:
        """Set up to ``limit`` of the oldest aside for writing."""
        taken = []
        for token in list(self._waiting)[:limit] if len(self._waiting) > limit else list(self._waiting):
            if token in self._writing:
                continue
            entry = self._waiting.pop(token)
            self._writing[token] = entry
            taken.append(Snapshot(decode_key(token), entry.version, entry.sequence, entry.mail, entry.schema, entry.state))
        if taken:
            self._writing_first = min(entry.first for entry in self._writing.values())
        return taken

    def take_kept(self) -> list[Kept]:
        """Set all outcomes aside for writing."""
        self._keeping += self._kept
        self._kept = []
        return [kept for _, kept in self._keeping]

    def written(self, tokens: list[str]) -> None:
        """These are durably stored."""
        for token in tokens:
            if entry := self._writing.pop(token, None):
                self._forget(entry)

    def kept_written(self) -> None:
        """All outcomes set aside are durably stored."""
        self._keeping = []

    def failed(self) -> None:
        """Nothing that was set aside is known to be stored: it waits again, in its old place."""
        merged: dict[str, Unsaved] = {}
        for token, entry in self._writing.items():
            newer = self._waiting.pop(token, None)
            if newer is not None:
                self._forget(entry)
                newer.first, newer.time = entry.first, entry.time
                if newer.state is None:
                    newer.state = entry.state
                    newer.schema = entry.schema
                    self._load.size += len(entry.state) if entry.state else 0
                entry = newer
            merged[token] = entry
        merged.update(self._waiting)
        self._waiting = dict(sorted(merged.items(), key=lambda item: item[1].first))
        self._writing = {}
        self._kept = self._keeping + self._kept
        self._keeping = []

    def close(self) -> None:
        """The partition is dropped: nothing here is written any more."""
        for entry in (*self._waiting.values(), *self._writing.values()):
            self._forget(entry)
        self._waiting, self._writing, self._kept, self._keeping = {}, {}, [], []

    def _forget(self, entry: Unsaved) -> None:
        self._load.actors -= 1
        self._load.size -= len(entry.state) if entry.state else 0


def tell_written(unwritten: Unwritten, valid: Callable[[], bool], message: Message, waiter: Waiter) -> None:
    """Answer `natya.written.WRITTEN`, while the lease is ``valid``."""
    waiter(encode_written(unwritten.since) if valid() else MOVED)
