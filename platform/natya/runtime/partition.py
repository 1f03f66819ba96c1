"""A partition that serves: phase three of its life, after `claiming` and `recovering`, before `releasing`.

One object belongs to one epoch of one owner. When that ends, by whatever cause, the object and all its memory are dropped, and
everything still in flight for it (loads, turns, writes) comes back to an object that does not act any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from natya.errors import Internal, NatyaError, OutcomeUnknown, Permanent, Unavailable
from natya.message import Answer
from natya.outcome import OUTCOME
from natya.ports.journal import JournalUnavailable
from natya.ports.mail import MailUnavailable
from natya.ports.snapshots import Kept
from natya.runtime.activation import Activation, Phase
from natya.runtime.admission import MOVED, Admission
from natya.runtime.batch import Header, Position
from natya.runtime.catalog import Catalog, SnapshotAhead
from natya.runtime.checkpoint import Checkpoint
from natya.runtime.commit import Committer
from natya.runtime.execution import Execution
from natya.runtime.letters import MAIL_ID
from natya.runtime.mailbag import Mailbag
from natya.runtime.outbox import Outbox
from natya.runtime.outcomes import Outcomes
from natya.runtime.perform import Performer, is_plain
from natya.runtime.query import Reader
from natya.runtime.readback import ReadBack
from natya.runtime.recovering import Recovered
from natya.runtime.remembered import Remembered
from natya.runtime.stage import Stage
from natya.runtime.surroundings import Surroundings
from natya.runtime.trials import Trials
from natya.runtime.turn import STRAY, Turn
from natya.runtime.unwritten import tell_written
from natya.telemetry.events import JournalLost, PartitionGauges, TellRetried
from natya.written import WRITTEN

if TYPE_CHECKING:
    from natya.manifest import Definition

OUTBOX_LIMIT = 20_000
STALLED = 0.5
TRIM_STEP = 500


class JournalIsBehind(Exception):
    """Raised when a snapshot is later than the journal: it was lost or restored from an older copy. Nothing may be
    overwritten."""


class Partition:
    """Serves one partition in one epoch. `accept` takes calls; `run` ends only by an error or a cancellation."""

    def __init__(self, around: Surroundings, definition: Definition, recovered: Recovered) -> None:
        world = around.world
        self._around = around
        self._world = world
        self.definition = definition
        self.number = recovered.partition
        self.epoch = recovered.header.epoch
        self._tasks: asyncio.TaskGroup | None = None
        self.dropped = False
        self._trimmed = 0
        plain = frozenset(name for name, method in definition.methods.items() if is_plain(method.function))
        self.unwritten = recovered.unwritten(around.load)
        self.outbox = Outbox(world, definition.kind, self.number)
        for sequence, turn, outgoing in recovered.outgoing:
            self.outbox.put(sequence, turn, outgoing)
        self.index = recovered.index(around.budget, world.clock.boottime())
        stage = Stage(
            world,
            definition,
            self.number,
            around.kinds,
            around.call,
            self._begin,
            lambda a, address: self.execution.awaits(a, address),
            self._spawn,
        )
        self.committer = Committer(
            world, around.gate(definition.kind, self.number), recovered.header,
            kind=definition.kind, partition=self.number, last=recovered.last, owner=self,
        )  # fmt: skip
        self.trials = Trials(
            stage, self.committer, around.quiet, recovered.counts, unclean=recovered.unclean, deaths=around.deaths
        )
        self._performer = Performer(stage, room=lambda: self.committer.room, done=self.committer.add, failed=self._failed)
        self.reader = Reader(stage, plain, around.valid)
        self.catalog = Catalog(
            stage, recovered.folded, store_mark=recovered.header.store, last=lambda: self.committer.last,
            ahead=self._ahead, ready=lambda a: self.execution.ready(a), refuse=lambda a, e: self.execution.refuse(a, e),
            delayed=lambda a, e: self.execution.put_off_mail(a, e), waking=lambda a: self.execution.waking(a),
        )  # fmt: skip
        self.execution = Execution(
            stage, self.catalog, self._performer, self.reader, self.trials,
            resolve=lambda turn: self.admission.recollection.resolve(turn), skipped=self._skipped, failed=self._failed,
        )  # fmt: skip
        remembered = Remembered(stage, self.index, store_mark=recovered.header.store)
        self._outcomes = Outcomes(
            stage, remembered, valid=around.valid,
            pending=lambda: self.admission.pending, unread=lambda token: self.mailbag.unread(token),
        )  # fmt: skip
        self.admission = Admission(
            stage, self.index, remembered, self.committer, self.execution, self.trials, plain,
            enquiries={OUTCOME: self._outcomes.enquire, WRITTEN: partial(tell_written, self.unwritten, around.valid)}, seal=around.seal(),
        )  # fmt: skip
        self.mailbag = Mailbag(world, definition.kind, self.number, recovered.position, self._deliver)
        self.checkpoint = Checkpoint(
            world, self.unwritten, self.outbox, self.mailbag, self.trials, last=lambda: self.committer.last,
            recorded=recovered.header.checkpoint, position=recovered.position, told=recovered.last,
        )  # fmt: skip
        self._readback = ReadBack(
            world, definition.kind, self.number, self.index, self.admission.recollection, recovered.first, around.turns
        )
        self.accept = self.admission.accept

    async def run(self) -> None:
        """Serve. Raises `Fenced`, `NotStored`, `JournalIsBehind` (alone or in a group)."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self._around.quiet.join(self.execution)
                for part in (self.committer, self.catalog, self.outbox, self.mailbag, self._readback):
                    tasks.create_task(self._run(part.run()))
        finally:
            self.drop()

    async def _run(self, part: Coroutine[Any, Any, None]) -> None:
        """When one part fails all is dropped at once, before anybody can put anything more in."""
        try:
            await part
        except BaseException:
            self.drop()
            raise

    def drop(self) -> None:
        """Forget everything. Who waits is told to ask elsewhere: under its id it will learn the outcome there."""
        if self.dropped:
            return
        self.dropped = self.admission.dropped = True
        self._around.quiet.leave(self.execution)
        self.trials.drop()
        for turn in list(self.admission.pending.values()):
            turn.reply(MOVED)
            for waiter, _ in turn.after or ():
                waiter(MOVED)
        while self.admission.refused:
            self.admission.refused.popleft()[0](MOVED)
        for activation in self.execution.waiting():
            for query in activation.queries or ():
                query.waiter(MOVED)
        self.reader.drop()
        self._outcomes.drop()
        for start in self.committer.abandon():
            start.cancel()
        self.index.close()
        self.unwritten.close()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        if self.dropped:  # a load or mail has come in just when the partition ended
            work.close()
            raise asyncio.CancelledError
        assert self._tasks is not None
        return self._tasks.create_task(work)

    # turns on their way

    def _deliver(self, letter: Any, attempt: int) -> bool:
        if self.admission.closed or len(self.admission.pending) > self._world.settings.partition_limit:
            return False
        return self.admission.deliver(letter, attempt)

    def _full(self) -> bool:
        """Whether new turns must be refused for now: too much is unwritten in the whole node, or unsent here."""
        return self._around.load.full or len(self.outbox) >= OUTBOX_LIMIT

    async def _begin(self, turn: Turn) -> None:
        """A turn is about to call other actors: its earlier turns must be committed, and the journal must know its time."""
        if turn.started and turn.attempts > 1:
            await self.committer.proof()
        elif not turn.started:
            at = self._world.clock.now_ms()
            message = turn.message
            line = {"key": message.token, "id": message.id, "hash": turn.digest, "at": at}
            await self.committer.start(line, message.sent)
            turn.started = at

    def _skipped(self, turn: Turn) -> None:
        """A stored message that an earlier life of the partition has done."""
        self._dismiss(turn, AGAIN)
        self.mailbag.done(turn.message.token, turn.message.mail)

    def _failed(self, activation: Activation, turn: Turn, error: NatyaError) -> None:
        """The turn changed nothing and its answer is not recorded. A call is answered once what it saw is committed; a stored
        message is tried again later, a bounded number of times; one whose actor cannot be loaded waits for as long as it
        takes."""
        message = turn.message
        if not message.mail:
            answer = Answer.of(error)
            if isinstance(error, Internal | Permanent):
                self.admission.failures.note(message, answer)
            self.committer.barrier(lambda: self._dismiss(turn, answer))
            return
        settings = self._world.settings
        loaded = activation.phase is Phase.READY
        if loaded and turn.attempts >= settings.tell_attempts:
            self._performer.conclude(activation, turn, Answer.of(error), None)
            return
        delay = settings.tell_backoff * 2 ** min(turn.attempts - 1, 6) * (0.75 + 0.5 * self._world.ids.jitter())
        self._world.telemetry.raise_event(TellRetried(message.kind, message.method, turn.attempts, delay, error.slug))
        waiting = activation.take_mail()
        self.execution.removed(waiting)
        for each in (turn, *waiting):
            self._dismiss(each, AGAIN)
        also = [later.message.mail for later in waiting]
        self.mailbag.postpone(message.token, message.mail, delay, also=also, failed=loaded)

    def _dismiss(self, turn: Turn, answer: Answer) -> None:
        self.admission.forget(turn)
        turn.reply(answer)

    # commits

    def header(self) -> tuple[int, str, Position | None]:
        """What the next record says of checkpoint, store and mail."""
        return self.checkpoint.for_header()

    def counted(self, tries: Sequence[dict[str, Any]], sequence: int) -> None:
        self.trials.counted(tries, sequence)

    def committed(self, turns: Sequence[Turn], starts: Sequence[dict[str, Any]], sequence: int, header: Header) -> None:
        """A record is acknowledged: its turns are true. Hot: once per turn."""
        if self.dropped:
            return
        activations = self.catalog.activations
        pending = self.admission.pending
        schema = self.definition.schema
        now = self._world.clock.now_ms()
        for number, turn in enumerate(turns):
            message, answer = turn.message, turn.answer
            assert answer is not None
            token = message.token
            if turn.version != STRAY:
                if not message.id.startswith(MAIL_ID):
                    self.index.add(token, message.id, sequence)
                activation = activations.get(token)
                if activation is not None and activation.tail is turn:
                    activation.tail = None
                if answer.code == 0 or message.mail:
                    self.unwritten.mark(token, sequence, turn.version, turn.mail, schema, turn.state, time=now)
            place = (token, message.id)
            if pending.get(place) is turn:
                del pending[place]
            if turn.outgoing:
                self.outbox.put(sequence, number, turn.outgoing)
            if message.keep:
                self._keep(turn, answer, sequence, now)
            if message.mail:
                self.mailbag.done(token, message.mail)
            turn.reply(answer)
            if turn.after:
                self.reader.committed(turn.after)
        if self.trials.on:
            self.trials.committed(turns)
        for line in starts:
            self.index.add(line["key"], line["id"], sequence)
        self.index.roll(header.sent, sequence + 1, self._world.clock.boottime())
        self.checkpoint.acknowledged(header, sequence, told=bool(turns or starts))

    def _keep(self, turn: Turn, answer: Answer, sequence: int, now: int) -> None:
        message, expires = turn.message, now + turn.message.keep * 1000
        kept = Kept(message.token, message.id, turn.digest, message.sent, answer.code, answer.slug, answer.body, expires)
        self.unwritten.keep(sequence, kept)

    async def _ahead(self, key: str, snapshot: int) -> None:
        """A document is later than the journal. A successor may have written it: only an append tells."""
        await self.committer.proof()
        if snapshot > self.committer.last:
            raise SnapshotAhead(key, snapshot)

    def suspect(self, key: str, sequence: int) -> None:
        """The store has a later document than was written: find out whether the journal lost data, and stop then."""
        if not self.dropped:
            self._spawn(self._ahead(key, sequence))

    def journal_lost(self, error: SnapshotAhead) -> JournalIsBehind:
        last = self.committer.last
        self._world.telemetry.raise_event(JournalLost(self.definition.kind, self.number, error.key, error.snapshot, last))
        return JournalIsBehind(
            f"journal_lost: {self.definition.kind} partition {self.number} ends at sequence {last}, but the snapshot of "
            f"{error.key!r} is as of {error.snapshot}; restore the journal, or move the documents away"
        )

    # time

    def tick(self, now_ms: int, now: float) -> None:
        """Look at deadlines; call about ten times a second. This is most of what an idle partition costs."""
        self.execution.tick(now_ms, now)
        if (full := self._full()) is not self.admission.closed:
            self.admission.closed = full
            self.mailbag.hold(full)
        if self.committer.stalled(STALLED, now):
            for turn in self.committer.uncommitted():
                if turn.waiters and turn.message.deadline <= now_ms:
                    turn.reply(UNKNOWN)

    async def maintain(self) -> None:
        """Let idle actors go, move the checkpoint on while idle, trim journal and mail; call about once a second."""
        now = self._world.clock.boottime()
        self.trials.maintain()
        self.catalog.passivate(now, unwritten=lambda token: token in self.unwritten)
        if self.committer.idle and self.checkpoint.due():
            self.committer.want_record()
        self.index.shrink(self.checkpoint.recorded, now=now, age=self._world.settings.index_age)
        try:
            await self._trim()
            await self.mailbag.purge(self.checkpoint.position)
        except (JournalUnavailable, MailUnavailable):
            return
        if self._world.telemetry.active:
            self._world.telemetry.raise_event(self._gauges())

    def _gauges(self) -> PartitionGauges:
        now = self._world.clock.now_ms()
        return PartitionGauges(
            self.definition.kind, self.number, len(self.catalog), self.execution.queued, self.mailbag.behind,
            len(self.unwritten), max(0, now - (self.unwritten.since or now)) / 1000, max(0, now - self.index.coverage) / 1000,
            len(self.index), len(self.outbox),
        )  # fmt: skip

    async def _trim(self) -> None:
        """Forget journal that neither recovery nor the id index needs, not while older records are still being read back."""
        before = min(self.checkpoint.recorded, self.index.first)
        if (
            before >= self._trimmed + TRIM_STEP
            and not self.admission.recollection.reading_back
            and not self.committer.followed
        ):
            await self._world.journal.trim(self.definition.kind, self.number, before=before)
            self._trimmed = before


AGAIN = Answer.of(Unavailable("a stored message of this id is under way; repeat with the same id", retry_after=1))
UNKNOWN = Answer.of(OutcomeUnknown("the journal has not answered yet: it may be done and may not; repeat with the same id"))
