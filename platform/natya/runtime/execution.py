"""Whose turn it is: mailboxes, the tasks that empty them, and deadlines.

An actor's turns run one after another. A handler that never suspends runs at once when its actor is free; otherwise the turn
waits in the mailbox, and one task per busy actor empties it. Nothing here waits for commits: the next turn starts on the
new state while the one before is on its way to the journal.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from natya.errors import CallCycle, DeadlineExceeded, IdReused, NatyaError, Unavailable
from natya.message import Answer, Message
from natya.runtime.activation import Activation, Phase
from natya.runtime.catalog import Catalog
from natya.runtime.perform import Performer
from natya.runtime.query import Query, Reader
from natya.runtime.quiet import Exempt, nobody
from natya.runtime.stage import Stage
from natya.runtime.trials import Trials
from natya.runtime.turn import Turn

YIELD_EVERY = 32
"""Turns that never suspend which one task runs before it lets others run."""


class Execution:
    """Runs the turns and queries of one partition. ``resolve`` looks up whether an unsure message was done before; ``skipped`` is
    told of stored messages that were; ``failed`` of turns that end without an outcome."""

    def __init__(
        self,
        stage: Stage,
        catalog: Catalog,
        performer: Performer,
        reader: Reader,
        trials: Trials,
        *,
        resolve: Callable[[Turn], Awaitable[None]],
        skipped: Callable[[Turn], None],
        failed: Callable[[Activation, Turn, NatyaError], None],
    ) -> None:
        self._stage = stage
        self._catalog = catalog
        self._performer = performer
        self._reader = reader
        self._trials = trials
        self._resolve = resolve
        self._skipped = skipped
        self._failed = failed
        self._limit = stage.world.settings.mailbox_limit
        self._waiting: dict[str, Activation] = {}
        self._pauses: list[Exempt] = []
        self._held = False
        self._resumed = asyncio.Event()
        self._waking = 0
        self.stopping = False
        self.now = stage.world.clock.boottime()
        self.queued = 0

    @property
    def running(self) -> int:
        """Actors whose handler runs now, or is about to run alone on the node."""
        runs = sum(1 for activation in self._waiting.values() if activation.running is not None)
        return max(runs, self._trials.alone)

    def enqueue(self, turn: Turn) -> bool:
        """Run the turn or let it wait; False if the actor's mailbox is full."""
        activation = self._catalog.touch(turn.message.token)
        activation.used = self.now
        free = activation.phase is Phase.READY and activation.task is None and not activation.mailbox
        if free and turn.plain and not turn.unsure and not self._held:
            if self._due(activation, turn, turn.message.arrived):
                self._performer.perform_plain(activation, turn, turn.message.arrived)
            return True
        if activation.depth >= self._limit:
            return False
        if activation.awaiting and self._would_cycle(activation, turn, activation.awaiting):
            return True
        activation.put(turn)
        self.queued += 1
        self._waiting[activation.token] = activation
        if activation.phase is Phase.READY and activation.task is None:
            self._start(activation)
        return True

    def enquire(self, query: Query) -> None:
        """Answer the query, now or when its actor is in memory."""
        if query.message.attempt > 1 and self._reader.joins(query):
            return
        activation = self._catalog.touch(query.message.token)
        activation.used = self.now
        if activation.phase is Phase.READY and (not self._pauses or self._may_start(query.message)):
            self._reader.answer(activation, query)
            return
        if activation.queries is None:
            activation.queries = []
        activation.queries.append(query)
        self._waiting[activation.token] = activation

    def ready(self, activation: Activation) -> None:
        """The activation has been loaded, or a pause has ended: go on with what waits for it."""
        queries, activation.queries = activation.queries or [], None
        for query in queries:
            self.enquire(query)
        if activation.task is not None:
            return
        if activation.mailbox:
            self._start(activation)
        elif not activation.queries:
            self._waiting.pop(activation.token, None)

    @asynccontextmanager
    async def waking(self, activation: Activation) -> AsyncIterator[None]:
        """Around an actor's `on_activate`, which may end its process like a message. It waits for the end of a pause, unless it is
        for a message that does not have to. Raises `Unavailable` if it has ended its process too often."""
        async with self._trials.waking(activation.token) as hook:
            while self._pauses and not any(self._may_start(message) for message in (hook, *activation.messages())):
                await self._resumed.wait()
            self._waking += 1
            try:
                yield
            finally:
                self._waking -= 1

    def refuse(self, activation: Activation, error: NatyaError) -> None:
        """The activation cannot be loaded: what waits for it fails."""
        self._waiting.pop(activation.token, None)
        answer = Answer.of(error)
        for query in activation.queries or []:
            query.waiter(answer)
        activation.queries = None
        while activation.mailbox:
            turn = activation.mailbox.popleft()
            self.queued -= 1
            self._failed(activation, turn, error)

    def put_off_mail(self, activation: Activation, error: NatyaError) -> None:
        """The activation cannot be loaded yet: stored messages leave memory and are read again later, calls wait on."""
        mail = next((turn for turn in activation.mailbox or () if turn.message.mail), None)
        if mail is not None:
            assert activation.mailbox is not None
            activation.mailbox.remove(mail)
            self.queued -= 1
            self._failed(activation, mail, error)

    def removed(self, turns: list[Turn]) -> None:
        """These were taken out of a mailbox by somebody else."""
        self.queued -= len(turns)

    def awaits(self, activation: Activation, address: str) -> None:
        """The running turn waits for another actor from now on: refuse what waits here while that actor waits for it."""
        activation.awaiting = address
        if not activation.mailbox:
            return
        for turn in [turn for turn in activation.mailbox if address in turn.message.chain]:
            if self._would_cycle(activation, turn, address):
                activation.mailbox.remove(turn)
                self.queued -= 1

    def _would_cycle(self, activation: Activation, turn: Turn, awaiting: str) -> bool:
        """Refuse a call from an actor that this one is waiting for. Both see the cycle; the one whose name is greater refuses, so
        that exactly one of the two calls fails."""
        message = turn.message
        if message.mail or awaiting not in message.chain or (message.chain[-1] == awaiting and message.address < awaiting):
            return False
        actors = [*message.chain, message.address]
        self._failed(
            activation, turn, CallCycle(f"{message.address} waits for {awaiting}, which waits for it", actors=actors)
        )
        return True

    def _start(self, activation: Activation) -> None:
        if self._held and not any(self._may_start(turn.message) for turn in activation.mailbox or ()):
            return
        activation.task = self._stage.spawn(self._empty(activation))

    def _may_start(self, message: Message) -> bool:
        return not self.stopping and all(exempt(message) for exempt in self._pauses)

    def _next(self, activation: Activation) -> Turn | None:
        """Take the next turn that may start out of the mailbox: the first; in a pause the first that is exempt."""
        mailbox = activation.mailbox
        if not mailbox:
            return None
        if not self._held:
            self.queued -= 1
            return mailbox.popleft()
        turn = next((turn for turn in mailbox if self._may_start(turn.message)), None)
        if turn is not None:
            mailbox.remove(turn)
            self.queued -= 1
        return turn

    async def _empty(self, activation: Activation) -> None:
        """Run what waits for one actor until nothing does."""
        in_a_row = 0
        try:
            while (turn := self._next(activation)) is not None:
                if turn.unsure:
                    await self._resolve(turn)
                now = self._stage.world.clock.now_ms()
                if not self._due(activation, turn, now):
                    await self._trials.end(turn, None)
                    continue
                if turn.suspect:
                    await self._trials.begin(turn)
                if self._held and not self._may_start(turn.message):
                    await self._trials.withdraw(turn)
                    self._put_back(activation, turn)
                    continue
                if turn.plain or turn.verdict is not None:
                    self._performer.perform_plain(activation, turn, now)
                    in_a_row += 1
                    if in_a_row % YIELD_EVERY == 0:
                        await asyncio.sleep(0)
                else:
                    await self._run_one(activation, turn)
                if turn.tried:
                    await self._trials.end(turn, activation.mailbox[0] if activation.mailbox else None)
        finally:
            activation.task = None
            activation.running = None
            if not activation.mailbox:
                activation.mailbox = None  # an empty queue takes 700 bytes
                if not activation.queries:
                    self._waiting.pop(activation.token, None)

    def _put_back(self, activation: Activation, turn: Turn) -> None:
        """The turn may not start after all: it goes first when it may."""
        if activation.mailbox is None:
            activation.mailbox = deque()
        activation.mailbox.appendleft(turn)
        self.queued += 1

    async def _run_one(self, activation: Activation, turn: Turn) -> None:
        if not turn.deadline:
            turn.deadline = self._stage.world.clock.now_ms() + int(self._stage.world.settings.turn_limit * 1000)
        try:
            await self._performer.perform(activation, turn)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not turn.expired or task is None or task.uncancel():
                raise
            self._performer.expire(activation, turn)
        else:
            if turn.expired and (task := asyncio.current_task()) is not None:
                task.uncancel()  # the handler has caught it; it must not count when the next one is cancelled

    def _due(self, activation: Activation, turn: Turn, now: int) -> bool:
        """Whether the turn is to be run: not if its caller does not care any more, or if it is mail that was done before."""
        mail = turn.message.mail
        if mail and mail <= activation.mail:
            self._skipped(turn)
            return False
        if turn.verdict is None and turn.deadline and turn.deadline <= now:
            error = DeadlineExceeded("the deadline passed while the message waited; it was not run")
            if not mail:
                self._failed(activation, turn, error)
                return False
            turn.verdict = Answer.of(error)
        return True

    def tick(self, now_ms: int, now: float) -> None:
        """Note the time (``now`` is good enough to tell who is idle), and look at deadlines: cancel handlers that run past
        theirs, and answer who waits for an actor that does not come."""
        self.now = now
        if not self._waiting:
            return
        for activation in list(self._waiting.values()):
            turn = activation.running
            if turn is not None and activation.task is not None and not turn.expired:
                if turn.deadline and turn.deadline <= now_ms:
                    turn.expired = True
                    activation.task.cancel()
            elif activation.phase is Phase.LOADING:
                self._give_up_waiting(activation, now_ms)

    def _give_up_waiting(self, activation: Activation, now_ms: int) -> None:
        error = Unavailable(
            "the actor's state could not be loaded before the deadline: the store does not answer", retry_after=1
        )
        for query in [q for q in activation.queries or [] if q.message.deadline <= now_ms]:
            assert activation.queries is not None
            activation.queries.remove(query)
            query.waiter(Answer.of(error))
        for turn in [t for t in activation.mailbox or () if t.deadline and t.deadline <= now_ms]:
            assert activation.mailbox is not None
            if not turn.message.mail:
                activation.mailbox.remove(turn)
                self.queued -= 1
                self._failed(activation, turn, error)

    def pause(self, exempt: Exempt = nobody) -> None:
        """Start no further turn or query until `resume`; what runs goes on, and mailboxes keep filling up to their limit. Pauses
        nest: each wants its own `resume`. A message starts all the same if every pause exempts it."""
        self._pauses.append(exempt)
        self._held = True
        self._resumed.clear()

    def resume(self, exempt: Exempt = nobody) -> None:
        """End one pause, that with this ``exempt``; after the last one what waits is started."""
        self._pauses.remove(exempt)
        self._held = self.stopping or bool(self._pauses)
        self._resumed.set()
        for activation in list(self._waiting.values()):
            if activation.phase is Phase.READY:
                self.ready(activation)

    def busy(self, beside: Message) -> bool:
        """Whether a turn or query runs here, or has run and is not committed, other than turns that wait for ``beside``."""
        running = (activation.running for activation in self._waiting.values())
        others = any(turn is not None and turn.message.address not in beside.chain for turn in running)
        return others or self._waking > 0 or self._reader.busy or not self._trials.settled

    def awaited(self, message: Message) -> bool:
        """Whether a turn that runs here waits for this message: it cannot end before."""
        for address in message.chain:
            kind, _, token = address.partition("/")
            activation = self._waiting.get(token)
            if activation is not None and activation.running is not None and kind == activation.running.message.kind:
                return True
        return False

    def stop(self) -> None:
        """Run no further turn."""
        self.stopping = self._held = True
        self._trials.hurry()

    def waiting(self) -> list[Activation]:
        """The activations for which something waits or runs."""
        return list(self._waiting.values())


def id_reused(turn: Turn) -> IdReused:
    """The error for a known id with another method or body."""
    return IdReused(f"the id {turn.message.id!r} was used before with another method or body", id=turn.message.id)
