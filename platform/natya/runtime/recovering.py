"""Reading back what the journal says since the checkpoint: phase two of a partition's life, after `claiming`.

Needs the journal alone, not the snapshot store: states that changed since the checkpoint are in it, all others are in the store
and are loaded when they are asked for. Everything read is unwritten again, and messages that the checkpoint does not cover
are sent again under their old ids.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import orjson

from natya.message import Outgoing
from natya.ports.snapshots import Kept
from natya.runtime.batch import Header, Position, decode, decode_answer, decode_outgoing, encode
from natya.runtime.claiming import Claim
from natya.runtime.counts import Counts
from natya.runtime.fold import Folded
from natya.runtime.index import Budget, Index
from natya.runtime.letters import MAIL_ID
from natya.runtime.turn import STRAY
from natya.runtime.unwritten import Load, Unwritten
from natya.runtime.world import World

CLOCKS_DIFFER = 1_000
"""Milliseconds by which this node's clock may be behind the server's: the fence counts as stored no earlier than it was."""
YIELD_EVERY = 32
"""Records after which the loop may do something else."""


class JournalCorrupt(Exception):
    """Raised when the journal contradicts itself: an actor's versions do not follow one another."""


@dataclass(slots=True)
class Recovered:
    """What a partition begins with. ``first`` and ``last`` are the first record read and the last one, which is the own fence in
    the end; ``header`` is the fence's. ``firsts`` are each actor's first record and its time (ms)."""

    partition: int
    header: Header = field(default_factory=lambda: Header(0, "", ""))
    last: int = 0
    first: int = 0
    since: int = 0
    records: int = 0
    position: Position = field(default_factory=Position)
    folded: dict[str, Folded] = field(default_factory=dict)
    firsts: dict[str, tuple[int, int]] = field(default_factory=dict)
    states: dict[str, Any] = field(default_factory=dict)
    outgoing: list[tuple[int, int, list[Outgoing]]] = field(default_factory=list)
    ids: list[tuple[str, str, int]] = field(default_factory=list)
    kept: list[tuple[int, Kept]] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    unclean: int = 0

    def add(self, sequence: int, time: int, data: bytes) -> None:
        """Take in the next record, stored at ``time`` (ms). Raises `JournalCorrupt`."""
        _fold(self, sequence, data, time)
        self.last = sequence

    def index(self, budget: Budget, now: float) -> Index:
        """The id index as far as the records read reach."""
        index = Index(budget, since=self.since, first=self.first, now=now)
        for token, id, sequence in self.ids:
            index.add(token, id, sequence)
        self.ids = []
        return index

    def unwritten(self, load: Load) -> Unwritten:
        """All that was read, to be written to the store."""
        unwritten = Unwritten(load)
        for token, (first, time) in self.firsts.items():
            folded = self.folded[token]
            unwritten.restore(
                token, first, folded.sequence, folded.version, folded.mail, folded.schema, folded.state, time=time
            )
        for sequence, kept in self.kept:
            unwritten.keep(sequence, kept)
        return unwritten


async def read_ahead(world: World, kind: str, partition: int, *, start: int, end: int) -> Recovered:
    """Read the journal from ``start`` to ``end`` while another node still owns the partition: `recover` goes on from there. Raises
    `JournalUnavailable`, `JournalCorrupt`."""
    found = Recovered(partition, last=start - 1)
    await _read(world, kind, found, end)
    return found


async def recover(world: World, claim: Claim, ahead: Recovered | None = None) -> Recovered:
    """Read the journal from the checkpoint, or from where it was read ahead to, up to the own fence. Raises `JournalUnavailable`,
    `JournalCorrupt`."""
    found = ahead or Recovered(claim.partition, last=claim.header.checkpoint)
    await _read(world, claim.kind, found, claim.header.after)
    found.header = claim.header
    found.add(claim.sequence, world.clock.now_ms() + CLOCKS_DIFFER, encode(claim.header))
    for token, state in found.states.items():
        found.folded[token].state = orjson.dumps(state)
    found.states = {}
    return found


async def _read(world: World, kind: str, found: Recovered, end: int) -> None:
    """Read on from ``found.last`` to the record ``end``."""
    if found.last >= end:
        return
    async for record in world.journal.read(kind, found.partition, start=found.last + 1, end=end):
        found.add(record.sequence, record.time, record.data)
        if found.records % YIELD_EVERY == 0:
            await asyncio.sleep(0)
    found.last = end


def _fold(found: Recovered, sequence: int, data: bytes, time: int) -> None:
    batch = decode(data)
    header = batch.header
    if not found.first:
        found.first, found.since = sequence, header.since
    found.records += 1
    if header.mail is not None:
        found.position = header.mail
    found.unclean = time if header.forced else header.unclean
    found.counts.take(batch.tries, sequence)
    for number, line in enumerate(batch.turns):
        if line["v"] != STRAY:
            _fold_turn(found, sequence, line, time)
            found.counts.end((line["key"], line["id"]))
        if "out" in line:
            found.outgoing.append((sequence, number, [decode_outgoing(out) for out in line["out"]]))
    for line in batch.starts:
        found.ids.append((line["key"], line["id"], sequence))
    for token, state in batch.states.items():
        found.states[token] = state
        found.folded[token].schema = header.schema


def _fold_turn(found: Recovered, sequence: int, line: dict[str, Any], time: int) -> None:
    token, version = line["key"], line["v"]
    folded = found.folded.get(token)
    if folded is None:
        found.folded[token] = Folded(version, line["m"], sequence)
        found.firsts[token] = sequence, time
    else:
        if not 0 <= version - folded.version <= 1:
            raise JournalCorrupt(f"{token} goes from version {folded.version} to {version} in record {sequence}")
        folded.version, folded.mail, folded.sequence = version, line["m"], sequence
    if line["id"].startswith(MAIL_ID):
        return
    found.ids.append((token, line["id"], sequence))
    if keep := line.get("keep"):
        answer = decode_answer(line)
        kept = Kept(token, line["id"], line["hash"], line["sent"], answer.code, answer.slug, answer.body, time + keep * 1000)
        found.kept.append((sequence, kept))
