"""Messages that may have ended a process: each is counted in the journal before it runs again.

**Problem.** A handler that ends its process (a crash in C code, all memory taken, a loop blocked until the lease is over) leaves
nothing behind that tells which message it was: whoever takes the partition over runs it again, and is the next to end. **Idea.**
After an unclean end, what may have been running then is journaled as *about to run* first, and runs only when that is committed.
A count without an outcome, found by the next owner, is evidence. **Who is suspected.** For a while after a partition was taken by
force: stored messages that are older than the take-over, calls that were first sent before it or come again; and, always, what
has a count already. All others cannot have run when the process ended.

=====  ==========================================================================================================
count  how the message runs
=====  ==========================================================================================================
1      unpipelined: its actor's earlier turns are committed, and its own commit is awaited before the next one
2      alone on its node (`quiet`): nothing else has its end to answer for
3, 4   the same, but only if more processes have died since it was first counted than it can have ended
more   not at all: it is a dead letter, a call is answered with an error too
=====  ==========================================================================================================

**Failure.** An innocent message has run beside the one that ended the process, and is counted for it. It runs alone then, and
succeeds: only a count of 2 without an outcome condemns, and 2 is journaled only while nothing else runs. **Failure.** Somebody
kills processes, and three times hits the one where the message runs. Mostly he hits others as well: then it is not condemned before
it has been hit five times. If a node does
not come to rest, or a message that runs alone does not end, within a bounded time, its count is 1 again before others
go on; next time the bound is twice as long, so that even what takes long to end its process is found. **Rejected.** Counting
in memory or in the key-value store: the one ends with the process, the other knows nothing of outcomes.

An outcome, or a line that says 0 where the handler failed without one, ends a count. Those without an end are carried on from
record to record, so they do not hold the checkpoint back, and forgotten after some minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from natya.errors import Internal, NatyaError, Unavailable
from natya.message import Answer, Message
from natya.runtime.commit import Committer
from natya.runtime.counts import Count, Counts, Place, line_of, place_of
from natya.runtime.query import MOVED, Query
from natya.runtime.quiet import Quiet
from natya.runtime.stage import Stage
from natya.runtime.turn import Turn
from natya.telemetry.events import SuspectAlone

PERIOD = 60.0
"""Seconds after a take-over by force in which old messages are suspected: longer than a caller takes to repeat, or mail to
be read again."""

ALONE = 2
"""The count from which on a message runs alone, and which condemns it if no outcome follows."""

BYSTANDER = 4
"""The count that condemns a message though other processes have died as well."""

PATIENCE = 5.0
"""Seconds that a node is given to come to rest, and a message to end alone, the first time."""

CARRY_AFTER = 30.0
"""Seconds after which a count is written again, so that the checkpoint may go on."""

EXPIRY_MS = 600_000
"""A message that has not come again for so long is forgotten."""

WAKING = "$activate"
"""Stands for an actor's `on_activate`; no sender can use such an id."""


class Trials:
    """The counts of one partition. ``on`` says whether messages must be looked at at all. ``unclean`` is when the partition was
    taken by force (ms, the journal's clock), 0 if that is long ago or was not so. ``deaths`` tells how many processes of the cluster
    have died since a time (ms)."""

    def __init__(
        self,
        stage: Stage,
        committer: Committer,
        quiet: Quiet,
        counts: Counts,
        *,
        unclean: int,
        deaths: Callable[[int], int],
    ) -> None:
        self._stage = stage
        self._clock = stage.world.clock
        self._committer = committer
        self._quiet = quiet
        self._unclean = unclean
        self._counts = counts
        self._deaths = deaths
        self._began = self._carried = self._clock.boottime()
        self._asked: set[Query] = set()
        self._running: dict[Place, Message] = {}
        self._timers: dict[Place, asyncio.Task[None]] = {}
        self._ending = asyncio.Event()
        self.on = bool(unclean or self._counts)
        committer.unclean = unclean

    @property
    def oldest(self) -> int | None:
        """The first record whose count is still needed."""
        return self._counts.oldest

    @property
    def alone(self) -> int:
        """Messages that run alone, or are about to."""
        return len(self._timers)

    @property
    def settled(self) -> bool:
        """Whether all that has run is committed."""
        return not self._committer.uncommitted()

    def suspects(self, message: Message, time: int) -> bool:
        """Whether the message may have ended a process. ``time``: when it was stored, or first sent."""
        if place_of(message) in self._counts:
            return True
        return bool(self._unclean) and (time <= self._unclean or (message.attempt > 1 and not message.mail))

    # one message's way

    async def begin(self, turn: Turn) -> None:
        """Count the turn; it may run then. If it has ended its process too often its verdict says so."""
        if turn.tried or turn.verdict is not None:
            return
        turn.tried = await self._count(turn.message)
        if not turn.tried:
            turn.condemned = True
            turn.attempts = self._ended(turn.message)
            turn.verdict = condemned(turn.attempts)

    async def withdraw(self, turn: Turn) -> None:
        """The turn does not run now after all: it must not look as if it had run alone."""
        place = place_of(turn.message)
        if place in self._timers:
            count = self._counts.get(place)
            await self._write(turn.message, 1, count.slow if count is not None else 0)
            self._leave(place)
            turn.tried = False

    async def end(self, turn: Turn, following: Turn | None) -> None:
        """The turn has run: wait until its outcome, or that it has none, is committed. ``following`` is its actor's next: if it is
        suspected too it is counted along."""
        if not turn.tried:
            return
        if turn.answer is None:
            await self._write(turn.message, 0, 0)
        elif following is not None and self._may_count_along(following):
            await self._write(following.message, 1, 0)
            self._running[place_of(following.message)] = following.message
            following.tried = True
        else:
            await self._committer.proof()
        turn.tried = False
        self._leave(place_of(turn.message))

    def _may_count_along(self, turn: Turn) -> bool:
        known = turn.tried or turn.unsure or turn.verdict is not None or place_of(turn.message) in self._counts
        return turn.suspect and not known

    def enquire(self, query: Query, run: Callable[[Query], None]) -> None:
        """Run a query that is suspected, when it is counted. It has no outcome in the journal: its answer ends its count."""
        place = place_of(query.message)
        if any(asked.takes_in(query) for asked in self._asked):
            return
        if place in self._running:
            run(query)  # it is counted already, and only slow
            return
        self._running[place] = query.message
        self._asked.add(query)
        self._stage.spawn(self._enquire(query, run))

    async def _enquire(self, query: Query, run: Callable[[Query], None]) -> None:
        message = query.message
        may_run = await self._count(message)
        self._asked.discard(query)
        waiter = query.waiter
        if not may_run:
            self._leave(place_of(message))
            waiter(condemned(self._ended(message)))
            return
        answered = asyncio.Event()

        def answer(answer: Answer) -> None:
            waiter(answer)
            answered.set()

        query.waiter = answer
        try:
            run(query)
        except NatyaError as error:
            answer(Answer.of(error))
        await answered.wait()
        await self._survived(message)

    @asynccontextmanager
    async def waking(self, token: str) -> AsyncIterator[Message]:
        """Around an actor's `on_activate`; gives what stands for it in the counts. Raises `Unavailable` if it must not run: the
        actor's messages wait then, as for any actor that cannot be loaded."""
        stage = self._stage
        hook = Message(stage.definition.kind, token, stage.partition, "on_activate", b"", id=WAKING)
        if not (self.on and self.suspects(hook, 0)):
            yield hook
            return
        if not await self._count(hook):
            raise Unavailable(f"on_activate ended its process {self._ended(hook)} times and is not tried for some minutes")
        try:
            yield hook
        except Exception:  # it has not ended its process
            await self._survived(hook)
            raise
        await self._survived(hook)

    async def _survived(self, message: Message) -> None:
        """The message has run and has no outcome in the journal: its count ends."""
        await self._write(message, 0, 0)
        self._leave(place_of(message))

    async def _count(self, message: Message) -> bool:
        """Journal that the message is about to run; False if it must not."""
        place = place_of(message)
        count = self._counts.get(place)
        if count is not None and self._is_guilty(count):
            return False
        self._running[place] = message
        if count is None:
            await self._write(message, 1, 0)
        elif not self._quiet.serves(message):
            await self._count_alone(message, count)
        return True

    def _is_guilty(self, count: Count) -> bool:
        """A message that ends its process has ended one for each time that it was about to run. If more have died since the first time,
        somebody kills them, and it may just have been there."""
        explained = count.number + count.slow
        return count.number >= BYSTANDER or (count.number >= ALONE and self._deaths(count.at) <= explained)

    def _ended(self, message: Message) -> int:
        """How many processes the message is taken to have ended: the first of them before it was counted."""
        count = self._counts.get(place_of(message))
        return 1 + (count.number if count is not None else 0)

    async def _count_alone(self, message: Message, count: Count) -> None:
        patience = min(PATIENCE * 2**count.slow, self._stage.world.settings.turn_limit)
        if not await self._quiet.hold(message, patience):
            await self._write(message, 1, count.slow + 1)
            return
        world = self._stage.world
        world.telemetry.raise_event(SuspectAlone(message.kind, message.token, message.method))
        self._timers[place_of(message)] = self._stage.spawn(self._give_way(message, count.slow + 1, patience))
        await self._write(message, max(ALONE, count.number + 1), count.slow)

    async def _give_way(self, message: Message, slow: int, patience: float) -> None:
        """When the message that runs alone takes too long it is merely slow: let the others go on, but not before that is said."""
        try:
            await self._clock.wait_for(self._ending.wait(), patience)
        except TimeoutError:
            pass
        await self._write(message, 1, slow)
        self._quiet.release(message)

    def _leave(self, place: Place) -> None:
        message = self._running.pop(place, None)
        timer = self._timers.pop(place, None)
        if timer is not None:
            timer.cancel()
        if message is not None:
            self._quiet.release(message)

    def hurry(self) -> None:
        """The partition is about to be given up: who runs alone does so no longer."""
        self._ending.set()

    def drop(self) -> None:
        """The partition is dropped: what is in the journal stays there, and the node goes on."""
        for query in self._asked:
            query.waiter(MOVED)
        for place in list(self._running):
            self._leave(place)

    # the journal

    def _write(self, message: Message, number: int, slow: int) -> asyncio.Future[None]:
        """Journal a count; done when that, and all that has ended before, is committed."""
        count = self._counts.get(place_of(message))
        at = count.at if count is not None else self._clock.now_ms()
        return self._committer.count(line_of(place_of(message), number, slow, at))

    def counted(self, lines: Sequence[dict[str, Any]], sequence: int) -> None:
        """These lines are committed."""
        self._counts.take(lines, sequence)
        self.on = bool(self._unclean or self._counts)

    def committed(self, turns: Sequence[Turn]) -> None:
        """These turns have their outcomes: nothing is held against them."""
        for turn in turns:
            self._counts.end(place_of(turn.message))

    def maintain(self) -> None:
        """Forget what is long ago, and carry on what must not hold the checkpoint back; call about once a second."""
        if not self.on:
            return
        now = self._clock.boottime()
        if now - self._began > PERIOD:
            self._unclean = self._committer.unclean = 0
        self._counts.expire(self._clock.now_ms() - EXPIRY_MS, lambda place: place in self._running)
        if now - self._carried > CARRY_AFTER:
            self._carried = now
            for place, line in self._counts.lines():
                if place not in self._timers:
                    self._committer.count(line)
        self.on = bool(self._unclean or self._counts)


def condemned(times: int) -> Answer:
    """The answer to a message that has ended so many processes."""
    reason = f"the message ended the process that ran it {times} times; it is not run again, mend the handler first"
    return Answer.of(Internal(reason, attempts=times))
