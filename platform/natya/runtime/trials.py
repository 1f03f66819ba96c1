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
more   not at all: it is a dead letter, a call is answered with an error too
=====  ==========================================================================================================

**Failure.** An innocent message has run beside the one that ended the process, and is counted for it. It runs alone then, and
succeeds: only a count of 2 without an outcome condemns, and 2 is journaled only while nothing else runs. If a node does
not come to rest, or a message that runs alone does not end, within a bounded time, its count is 1 again before others
go on; next time the bound is twice as long, so that even what takes long to end its process is found. **Rejected.** Counting
in memory or in the key-value store: the one ends with the process, the other knows nothing of outcomes.

An outcome, or a line that says 0 where the handler failed without one, ends a count. Those without an end are carried on from
record to record, so they do not hold the checkpoint back, and forgotten after some minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from natya.errors import Internal
from natya.message import Answer, Message
from natya.runtime.commit import Committer
from natya.runtime.query import MOVED, Query
from natya.runtime.quiet import Quiet
from natya.runtime.stage import Stage
from natya.runtime.turn import Turn
from natya.telemetry.events import SuspectAlone

PERIOD = 60.0
"""Seconds after a take-over by force in which old messages are suspected: longer than a caller takes to repeat, or mail to
be read again."""

ALONE = 2
"""The count with which a message runs alone, and which condemns it if no outcome follows."""

PATIENCE = 5.0
"""Seconds that a node is given to come to rest, and a message to end alone, the first time."""

CARRY_AFTER = 30.0
"""Seconds after which a count is written again, so that the checkpoint may go on."""

EXPIRY_MS = 600_000
"""A message that has not come again for so long is forgotten."""

Place = tuple[str, str]
"""Token and id of a message."""


@dataclass(frozen=True, slots=True)
class Count:
    """That a message was about to run and has had no outcome since. ``slow``: how often it could not be alone for long
    enough; ``at``: when it was counted first, ms; ``sequence``: the record that says so."""

    number: int
    slow: int
    at: int
    sequence: int


class Trials:
    """The counts of one partition. ``on`` says whether messages must be looked at at all. ``unclean`` is when the partition was
    taken by force (ms, the journal's clock), 0 if that is long ago or was not so."""

    def __init__(
        self, stage: Stage, committer: Committer, quiet: Quiet, found: Mapping[Place, Count], *, unclean: int
    ) -> None:
        self._stage = stage
        self._clock = stage.world.clock
        self._committer = committer
        self._quiet = quiet
        self._unclean = unclean
        self._counts = dict(found)
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
        for count in self._counts.values():
            return count.sequence
        return None

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
        if (message.token, message.id) in self._counts:
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
            turn.attempts = ALONE + 1
            turn.verdict = CONDEMNED

    async def withdraw(self, turn: Turn) -> None:
        """The turn does not run now after all: it must not look as if it had run alone."""
        place = _place(turn.message)
        if place in self._timers:
            await self._write(turn.message, 1, self._counts[place].slow)
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
            self._running[_place(following.message)] = following.message
            following.tried = True
        else:
            await self._committer.proof()
        turn.tried = False
        self._leave(_place(turn.message))

    def _may_count_along(self, turn: Turn) -> bool:
        known = turn.tried or turn.unsure or turn.verdict is not None or _place(turn.message) in self._counts
        return turn.suspect and not known

    def enquire(self, query: Query, run: Callable[[Query], None]) -> None:
        """Run a query that is suspected, when it is counted. It has no outcome in the journal: its answer ends its count."""
        if _place(query.message) in self._running:
            run(query)  # it is counted already, and only slow
            return
        self._asked.add(query)
        self._stage.spawn(self._enquire(query, run))

    async def _enquire(self, query: Query, run: Callable[[Query], None]) -> None:
        message, waiter = query.message, query.waiter
        may_run = await self._count(message)
        self._asked.discard(query)
        if not may_run:
            waiter(CONDEMNED)
            return
        answered = asyncio.Event()

        def answer(answer: Answer) -> None:
            waiter(answer)
            answered.set()

        query.waiter = answer
        run(query)
        await answered.wait()
        await self._write(message, 0, 0)
        self._leave(_place(message))

    async def _count(self, message: Message) -> bool:
        """Journal that the message is about to run; False if it must not."""
        place = _place(message)
        count = self._counts.get(place)
        if count is not None and count.number >= ALONE:
            return False
        self._running[place] = message
        if count is None:
            await self._write(message, 1, 0)
        elif not self._quiet.serves(message):
            await self._count_alone(message, count)
        return True

    async def _count_alone(self, message: Message, count: Count) -> None:
        patience = min(PATIENCE * 2**count.slow, self._stage.world.settings.turn_limit)
        if not await self._quiet.hold(message, patience):
            await self._write(message, 1, count.slow + 1)
            return
        world = self._stage.world
        world.telemetry.raise_event(SuspectAlone(message.kind, message.token, message.method))
        self._timers[_place(message)] = self._stage.spawn(self._give_way(message, count.slow + 1, patience))
        await self._write(message, ALONE, count.slow)

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
        count = self._counts.get(_place(message))
        at = count.at if count is not None else self._clock.now_ms()
        return self._committer.count(_line(_place(message), number, slow, at))

    def counted(self, lines: Sequence[Mapping[str, Any]], sequence: int) -> None:
        """These lines are committed."""
        fold_counts(self._counts, lines, sequence)
        self.on = bool(self._unclean or self._counts)

    def committed(self, turns: Sequence[Turn]) -> None:
        """These turns have their outcomes: nothing is held against them."""
        for turn in turns:
            self._counts.pop(_place(turn.message), None)

    def maintain(self) -> None:
        """Forget what is long ago, and carry on what must not hold the checkpoint back; call about once a second."""
        if not self.on:
            return
        now = self._clock.boottime()
        if now - self._began > PERIOD:
            self._unclean = self._committer.unclean = 0
        expired = self._clock.now_ms() - EXPIRY_MS
        for place, count in list(self._counts.items()):
            if count.at < expired and place not in self._running:
                del self._counts[place]
        if now - self._carried > CARRY_AFTER:
            self._carried = now
            for place in [place for place in self._counts if place not in self._timers]:
                count = self._counts[place]
                self._committer.count(_line(place, count.number, count.slow, count.at))
        self.on = bool(self._unclean or self._counts)


def fold_counts(counts: dict[Place, Count], lines: Sequence[Mapping[str, Any]], sequence: int) -> None:
    """Take over what a record says. The oldest records' counts stay first."""
    for line in lines:
        place = line["key"], line["id"]
        counts.pop(place, None)
        if line["n"]:
            counts[place] = Count(line["n"], line.get("slow", 0), line["at"], sequence)


def _place(message: Message) -> Place:
    return message.token, message.id


def _line(place: Place, number: int, slow: int, at: int) -> dict[str, Any]:
    line: dict[str, Any] = {"key": place[0], "id": place[1], "n": number, "at": at}
    if slow:
        line["slow"] = slow
    return line


CONDEMNED = Answer.of(
    Internal(
        f"the message ended the process that ran it {ALONE + 1} times; it is not run again, mend the handler first",
        attempts=ALONE + 1,
    )
)
