"""Reading a partition's mail: ahead of what is done, each key strictly in order, and no key blocking another.

The position is *head* and *behind*: everything up to the head is done, but for the keys that are behind, which are done up to a
sequence of their own. A key falls behind when its mailbox is full, its message waits for a retry, or its actor cannot be
loaded. What comes for it later is not held in memory, only noted as skipped; when the key may go on, its mail is read
again by its own subject. An actor's last mail sequence is in every turn, so what is read again and was done is recognised.

Who can lose a message here? (1) The reader skips a letter of a key that is just catching up: noted in ``skipped``, and a
key leaves *behind* only when the leader has nothing more for it and nothing was skipped meanwhile. (2) The position says done
before the commit: letters count as undone until `done`, which is called on commit, also those whose turn has ended and
waits for its append while a later letter of the key already failed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from natya.ports.mail import Letter, MailReader, MailUnavailable
from natya.runtime.batch import Position
from natya.runtime.world import World

POSITION_BYTES = 64 * 1024
"""Bound on the keys behind, as they stand in a record's header."""

CATCH_UP = 32
"""Letters of one key read at a time when it catches up."""

FETCHES = 16
"""Keys that catch up at the same time."""


@dataclass(slots=True)
class _Behind:
    """A key behind the head: its mail is read again from ``first``, not before ``wake``, when none of it is in memory.
    ``skipped`` is the last letter that the reader passed by; ``attempts`` counts failures of ``first``, ``pause`` grows
    while the mailbox stays full."""

    first: int
    wake: float
    skipped: int = 0
    attempts: int = 0
    pause: float = 0.02
    fetching: bool = False


class Mailbag:
    """The mail of one partition. ``deliver`` takes a letter with the number of the attempt, or returns False if its actor
    cannot take it now."""

    def __init__(
        self, world: World, kind: str, partition: int, position: Position, deliver: Callable[[Letter, int], bool]
    ) -> None:
        self._world = world
        self._kind = kind
        self._partition = partition
        self._deliver = deliver
        self._read = position.head
        self._flights: deque[int] = deque()
        self._flying: set[int] = set()
        self._landed: set[int] = set()
        self._undone: dict[str, deque[int]] = {}
        self._behind = {token: _Behind(first, 0.0) for token, first in position.behind.items()}
        self._behind_bytes = sum(len(token) + 16 for token in self._behind)
        self._fetches = 0
        self._progress = asyncio.Event()
        self._due = asyncio.Event()
        self._purged = 0
        self._held = False

    @property
    def behind(self) -> int:
        """How many keys are behind the head."""
        return len(self._behind)

    def hold(self, held: bool) -> None:
        """Read no further for now; or go on."""
        if self._held and not held:
            self._progress.set()
        self._held = held

    def position(self) -> Position:
        """How far the mail is done, by what is committed."""
        self._land()
        head = self._flights[0] - 1 if self._flights else self._read
        behind = {}
        for token, entry in self._behind.items():
            undone = self._undone.get(token)
            behind[token] = min(entry.first, undone[0]) if undone else entry.first
        return Position(head, behind)

    def unread(self, token: str) -> tuple[int, int]:
        """The sequence from which on no letter of the key is in memory, and how many attempts of that very letter have failed."""
        entry = self._behind.get(token)
        return (self._read + 1, 0) if entry is None else (entry.first, entry.attempts)

    def done(self, token: str, sequence: int) -> None:
        """The letter's turn is committed, or was in an earlier life of the partition."""
        undone = self._undone.get(token)
        if undone and sequence in undone:
            undone.remove(sequence)
            if not undone:
                del self._undone[token]
        self._lands(sequence)
        entry = self._behind.get(token)
        if entry is not None:
            if sequence >= entry.first:
                entry.first = sequence + 1
                entry.attempts = 0
            if token not in self._undone:
                entry.pause = 0.02
                self._due.set()
        self._progress.set()

    def postpone(self, token: str, first: int, seconds: float, *, also: list[int], failed: bool = False) -> None:
        """The key goes on with letter ``first`` after ``seconds``; ``also`` are its later letters, which have left memory too."""
        entry = self._fall_behind(token, first)
        entry.wake = self._world.clock.boottime() + seconds
        entry.attempts += 1 if failed else 0
        entry.skipped = max([entry.skipped, first, *also])
        gone = {first, *also}
        if undone := self._undone.pop(token, None):
            left = deque(sequence for sequence in undone if sequence not in gone)
            if left:
                self._undone[token] = left
        for sequence in gone:
            self._lands(sequence)
        self._due.set()
        self._progress.set()

    def _fall_behind(self, token: str, first: int) -> _Behind:
        entry = self._behind.get(token)
        if entry is None:
            entry = self._behind[token] = _Behind(first, 0.0)
            self._behind_bytes += len(token) + 16
        entry.first = first
        return entry

    def _lands(self, sequence: int) -> None:
        """The letter holds up the head no more. Those that were read again by their key never did."""
        if sequence in self._flying:
            self._landed.add(sequence)

    def _land(self) -> None:
        while self._flights and self._flights[0] in self._landed:
            sequence = self._flights.popleft()
            self._landed.discard(sequence)
            self._flying.discard(sequence)

    async def run(self) -> None:
        """Read until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read_ahead(), name=f"mail {self._kind}.{self._partition}")
            tasks.create_task(self._catch_up(), name=f"mail behind {self._kind}.{self._partition}")

    async def _read_ahead(self) -> None:
        settings = self._world.settings
        reader: MailReader | None = None
        try:
            while True:
                await self._has_room()
                try:
                    if reader is None:
                        reader = await self._world.mail.reader(self._kind, self._partition, start=self._read + 1)
                    letters = await reader.next(max(1, min(256, settings.mail_ahead - len(self._flights))))
                except MailUnavailable:
                    await self._world.clock.sleep(0.25)
                    continue
                for letter in letters:
                    await self._has_room()
                    self._take(letter)
        finally:
            if reader is not None:
                await reader.close()

    async def _has_room(self) -> None:
        while self._full():
            self._progress.clear()
            await self._progress.wait()

    def _full(self) -> bool:
        settings = self._world.settings
        self._land()
        return (
            self._held
            or len(self._flights) >= settings.mail_ahead
            or len(self._behind) >= settings.behind_limit
            or self._behind_bytes >= POSITION_BYTES
        )

    def _take(self, letter: Letter) -> None:
        self._read = letter.sequence
        entry = self._behind.get(letter.token)
        if entry is not None:
            entry.skipped = letter.sequence
            return
        self._flights.append(letter.sequence)
        self._flying.add(letter.sequence)
        if not self._hand_over(letter, 1):
            self._lands(letter.sequence)
            entry = self._fall_behind(letter.token, letter.sequence)
            entry.skipped = letter.sequence
            entry.wake = self._world.clock.boottime() + entry.pause
            self._due.set()

    def _hand_over(self, letter: Letter, attempt: int) -> bool:
        undone = self._undone.setdefault(letter.token, deque())
        undone.append(letter.sequence)
        if self._deliver(letter, attempt):
            return True
        if undone and undone[-1] == letter.sequence:
            undone.pop()
        if not undone:
            self._undone.pop(letter.token, None)
        return False

    async def _catch_up(self) -> None:
        """Read the mail of keys that are behind again, once they may go on."""
        async with asyncio.TaskGroup() as fetches:
            while True:
                self._due.clear()
                now = self._world.clock.boottime()
                wake = now + 3600.0
                for token, entry in self._behind.items():
                    if entry.fetching or token in self._undone:
                        continue
                    if entry.wake > now:
                        wake = min(wake, entry.wake)
                    elif self._fetches < FETCHES:
                        self._fetches += 1
                        entry.fetching = True
                        fetches.create_task(self._fetch(token, entry))
                try:
                    await self._world.clock.wait_for(self._due.wait(), wake - now)
                except TimeoutError:
                    pass

    async def _fetch(self, token: str, entry: _Behind) -> None:
        skipped = entry.skipped
        limit = 1 if entry.attempts else CATCH_UP
        try:
            letters = await self._world.mail.of_key(self._kind, self._partition, token, start=entry.first, limit=limit)
        except MailUnavailable:
            entry.wake = self._world.clock.boottime() + 0.25
            return
        finally:
            entry.fetching = False
            self._fetches -= 1
            self._due.set()
        if not letters:
            if entry.skipped == skipped:
                del self._behind[token]
                self._behind_bytes -= len(token) + 16
                self._progress.set()
            return
        failures = entry.attempts
        for number, letter in enumerate(letters):
            if not self._hand_over(letter, 1 if number else failures + 1):
                entry.wake = self._world.clock.boottime() + entry.pause
                entry.pause = min(entry.pause * 2, 1.0)
                break
            if entry.wake > self._world.clock.boottime():
                break  # it was run and failed at once: what comes after it must wait with it

    async def purge(self, recorded: Position) -> None:
        """Forget mail that an acknowledged record says is done."""
        least = recorded.least()
        if least > self._purged + 1:
            await self._world.mail.purge(self._kind, self._partition, before=least)
            self._purged = least - 1
