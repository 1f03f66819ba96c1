"""Group commit: the way of a turn into the journal.

**Problem.** A turn is true once it is in its partition's journal, and an append costs an fsync. **Idea.** One append in flight
per partition; what finishes meanwhile forms the next batch, so that batches grow with load. **Failures.** An append may stay
unanswered (time-out, broken connection, no leader). Then it is neither done nor undone: the same bytes with the same expected
sequence are sent again until the answer is certain: an acknowledgement; or the last record is this batch (done); or the last
record is neither this batch nor its predecessor (another owner wrote: *fenced*). Seeing the predecessor proves nothing: the
append may still be on its way. **Rejected.** Giving up after a time: whoever gives up must forget everything computed since, and
gains nothing but an earlier *outcome unknown*.

Only the fence (see `claiming`) may take a sequence from a read; here it only ever comes from acknowledged appends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from natya.errors import TooLarge
from natya.message import Answer
from natya.ports.journal import (
    AppendConflict,
    AppendRefused,
    AppendTooLarge,
    AppendUnknown,
    JournalUnavailable,
)
from natya.runtime.batch import Header, Position, decode, encode
from natya.runtime.gate import Gate
from natya.runtime.turn import LINE_BYTES, Turn
from natya.runtime.world import World
from natya.telemetry.events import AppendRetried, BatchCommitted, CommitTraced

HEADER_BYTES = 72 * 1024
"""What a record's header may take: mostly its mail position, which is bounded (see `mailbag`)."""


Appended = tuple[int, int, bytes]
"""A record that was appended: its sequence, the time in ms, its bytes."""


class Fenced(Exception):
    """Raised when another owner has written to the journal: this one's memory is worth nothing."""


class NotStored(Exception):
    """Raised when the journal refused a batch for good (quota, disk full): what was computed on it must be forgotten."""


@dataclass(frozen=True, slots=True)
class Start:
    """The line of a turn that is about to call other actors, or of a message that is counted (see `trials`), when its message was
    first sent, and who waits for the line to be journaled. The time counts for the record's ``sent`` like a turn's: who looks
    for the id later must find that it is covered."""

    line: dict[str, Any]
    sent: int
    done: asyncio.Future[None]


@dataclass(slots=True)
class _Open:
    """What waits for the next append."""

    turns: list[Turn] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    tries: list[Start] = field(default_factory=list)
    barriers: list[Callable[[], None]] = field(default_factory=list)
    wanted: bool = False

    def __bool__(self) -> bool:
        return bool(self.turns or self.starts or self.tries or self.barriers or self.wanted)

    @property
    def awaited(self) -> list[Start]:
        """The lines that somebody waits for."""
        return self.starts + self.tries


class Committed(Protocol):
    """Who is told of a commit, before anybody else is answered."""

    def committed(self, turns: Sequence[Turn], starts: Sequence[dict[str, Any]], sequence: int, header: Header) -> None: ...

    def counted(self, tries: Sequence[dict[str, Any]], sequence: int) -> None:
        """These counts are committed; called before `committed` of the same record."""
        ...

    def header(self) -> tuple[int, str, Position | None]:
        """The checkpoint, the store's mark and, if it has moved, the mail position, for the next record."""
        ...


class Committer:
    """Appends the turns of one partition in one epoch. ``last`` is the sequence of the last acknowledged record; ``unclean`` is
    what further records say of that (see `batch`)."""

    def __init__(
        self, world: World, gate: Gate, header: Header, *, kind: str, partition: int, last: int, owner: Committed
    ) -> None:
        self._world = world
        self._gate = gate
        self._kind = kind
        self._partition = partition
        self._owner = owner
        self._header = header
        self._open = _Open()
        self._wake = asyncio.Event()
        self._sending = _Open()
        self._sending_since = 0.0
        self._frozen = False
        self._followed: list[Appended] | None = None
        self.last = last
        self.unclean = header.unclean

    @property
    def waiting(self) -> int:
        """Turns in the open batch."""
        return len(self._open.turns)

    @property
    def idle(self) -> bool:
        return not self._sending_since and not self._open

    @property
    def last_header(self) -> Header:
        """The header of the last acknowledged record."""
        return self._header

    @property
    def room(self) -> int:
        """Bytes that one turn may take."""
        return self._gate.room - HEADER_BYTES

    def stalled(self, seconds: float, now: float) -> bool:
        """Whether the append in flight has waited for its answer for longer than this."""
        return bool(self._sending_since) and now - self._sending_since > seconds

    def uncommitted(self) -> list[Turn]:
        """The turns in flight and in the open batch."""
        return self._sending.turns + self._open.turns

    def add(self, turn: Turn) -> None:
        """A turn has ended: it joins the open batch."""
        self._open.turns.append(turn)
        self._wake.set()

    def start(self, line: dict[str, Any], sent: int) -> asyncio.Future[None]:
        """Journal that a turn is about to call other actors; done when that and all that joined before is committed."""
        return self._awaited(self._open.starts, line, sent)

    def count(self, line: dict[str, Any]) -> asyncio.Future[None]:
        """Journal that a message is about to run for the n-th time; done when that and all that joined before is committed."""
        return self._awaited(self._open.tries, line, 0)

    def _awaited(self, lines: list[Start], line: dict[str, Any], sent: int) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        lines.append(Start(line, sent, done))
        self._wake.set()
        return done

    def barrier(self, reached: Callable[[], None]) -> None:
        """Call back once all that has joined before is committed, and this owner has thereby proved to be one."""
        self._open.barriers.append(reached)
        self._wake.set()

    async def proof(self) -> None:
        """Wait until an append made from now on is acknowledged."""
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.barrier(lambda: None if reached.done() else reached.set_result(None))
        await reached

    def want_record(self) -> None:
        """Append a record soon even if no turn comes: its header has something new to say."""
        self._open.wanted = True
        self._wake.set()

    def follow(self) -> list[Appended]:
        """A list to which every record is added that is acknowledged from now on, until `unfollow`."""
        self._followed = []
        return self._followed

    @property
    def followed(self) -> bool:
        """Whether a successor reads the journal now: it must not be trimmed before its eyes."""
        return self._followed is not None

    def unfollow(self) -> None:
        self._followed = None

    def freeze(self) -> None:
        """Append nothing more: call when idle. What comes now waits for `thaw`."""
        self._frozen = True

    def thaw(self) -> None:
        """Go on."""
        self._frozen = False
        self._wake.set()

    async def run(self) -> None:
        """Append until cancelled. Raises `Fenced`, `NotStored`."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._open and not self._frozen:
                await self._gate.enter(self)
                try:
                    if not self._frozen:
                        await self._append_some()
                finally:
                    self._gate.leave()

    def abandon(self) -> list[asyncio.Future[None]]:
        """The owner is dropped: hand out the lines that will not be journaled now."""
        lines = self._sending.awaited + self._open.awaited
        self._open = _Open()
        return [line.done for line in lines]

    async def _append_some(self) -> None:
        batch = self._sending = self._take()
        await self._append(batch.turns, batch.starts, batch.tries)
        self._sending, self._sending_since = _Open(), 0.0
        for line in batch.awaited:
            if not line.done.done():
                line.done.set_result(None)
        for reached in batch.barriers:
            reached()

    def _take(self) -> _Open:
        """As much of what is open as one record may hold; other lines and barriers only with all the turns before them."""
        open_ = self._open
        room = self.room
        size = sum(len(start.line["id"]) + LINE_BYTES for start in open_.awaited)
        taken = 0
        for turn in open_.turns:
            size += turn.size
            if taken == self._world.settings.batch_turns or (size > room and taken):
                break
            taken += 1
        if taken == len(open_.turns):
            self._open = _Open()
            return open_
        turns, open_.turns = open_.turns[:taken], open_.turns[taken:]
        return _Open(turns)

    async def _append(self, turns: list[Turn], starts: list[Start], tries: list[Start]) -> None:
        header = self._next_header(turns, starts)
        states: dict[str, bytes] = {}
        lines = []
        for turn in turns:
            lines.append(turn.line())
            if turn.state is not None:
                states[turn.message.token] = turn.state
        start_lines = [start.line for start in starts]
        try_lines = [entry.line for entry in tries]
        data = encode(header, lines, start_lines, states, try_lines)
        began = self._world.clock.boottime()
        self._sending_since = began
        try:
            sequence = await self._until_certain(data, header.batch)
        except AppendTooLarge as error:
            await self._split(turns, starts, tries, error)
            return
        self.last = sequence
        self._header = header
        if self._followed is not None:
            self._followed.append((sequence, self._world.clock.now_ms(), data))
        for turn in turns:
            turn.sequence = sequence
        if try_lines:
            self._owner.counted(try_lines, sequence)
        self._owner.committed(turns, start_lines, sequence, header)
        telemetry = self._world.telemetry
        if telemetry.active:
            seconds = self._world.clock.boottime() - began
            telemetry.raise_event(BatchCommitted(self._kind, self._partition, sequence, len(turns), len(data), seconds))
            if telemetry.tracing:
                self._trace(turns, sequence, seconds)

    def _trace(self, turns: list[Turn], sequence: int, seconds: float) -> None:
        for turn in turns:
            if turn.parent:
                own, state = turn.message.traceparent, turn.message.tracestate
                self._world.telemetry.raise_event(
                    CommitTraced(self._kind, self._partition, sequence, len(turns), seconds, own, state)
                )

    def _next_header(self, turns: list[Turn], starts: list[Start]) -> Header:
        checkpoint, mark, position = self._owner.header()
        before = self._header
        sent = before.sent
        for turn in turns:
            if turn.message.sent > sent:
                sent = turn.message.sent
        for start in starts:
            sent = max(sent, start.sent)
        return Header(
            before.epoch, before.node, self._world.ids.new(), self.last, schema=before.schema,
            unclean=self.unclean, since=before.sent, sent=sent, checkpoint=checkpoint, store=mark, mail=position,
        )  # fmt: skip

    async def _split(self, turns: list[Turn], starts: list[Start], tries: list[Start], error: AppendTooLarge) -> None:
        """The stream takes less than the server said. Only a turn that is too large by itself fails; it and what was computed
        on it must be forgotten, so the partition recovers."""
        self._gate.room = max(HEADER_BYTES + LINE_BYTES, min(self._gate.room, error.limit))
        if len(turns) > 1:
            half = len(turns) // 2
            await self._append(turns[:half], [], [])
            await self._append(turns[half:], starts, tries)
            return
        for turn in turns:
            turn.reply(
                Answer.of(TooLarge(f"state and answer do not fit into a record of {error.limit} bytes", limit=error.limit))
            )
        raise NotStored(f"a record exceeds {error.limit} bytes")

    async def _until_certain(self, data: bytes, batch: str) -> int:
        """Send the same bytes with the same expected sequence until the outcome is known."""
        journal = self._world.journal
        pause = 0.005
        while True:
            try:
                return await journal.append(self._kind, self._partition, data, expected=self.last)
            except AppendUnknown as error:
                self._retried(error)
            except AppendRefused as error:
                raise NotStored(str(error)) from error
            except AppendConflict as error:
                try:
                    last = await journal.last(self._kind, self._partition)
                except JournalUnavailable as unavailable:
                    self._retried(unavailable)
                else:
                    if last is not None and last.sequence > self.last and decode(last.data).header.batch == batch:
                        return last.sequence
                    if last is None or last.sequence != self.last:
                        raise Fenced from error
                    self._retried(error)
            await self._world.clock.sleep(pause)
            pause = min(pause * 2, 0.25)

    def _retried(self, error: Exception) -> None:
        self._world.telemetry.raise_event(AppendRetried(self._kind, self._partition, str(error) or type(error).__name__))
