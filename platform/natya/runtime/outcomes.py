"""What became of a message that its sender wants remembered (``Natya-Keep``), told to whoever may ask, without running anything.

**Where it can be**, in the order of its life: in the mail, not read yet; in memory, where it waits, runs or is not committed; in
the mail again, because it failed or its actor could not take it; in the journal, or in the store. All of these but the last two are *pending*;
in none of them it is *unknown*. **Failure.** It moves while one looks. So the place in the mail from which on nothing is in memory
is noted first. Then memory, journal and store are searched, then the mail from that place, then memory, journal and store again: a letter leaves
the mail only when its outcome is committed. **Failure.** A part cannot be reached: then the answer is *unavailable*, never *unknown*. **Failure.** Another
node has become the owner: nothing is said without a valid lease, as with any query.

Who may wait gets the answer as soon as a message in memory has ended; one that is in the mail is looked for now and then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import orjson

from natya.errors import Invalid, Overloaded, Unavailable
from natya.message import ID, Answer, Message, Waiter, digest_of
from natya.outcome import NOTHING, OUTCOME, Outcome, Stand
from natya.ports.journal import JournalUnavailable
from natya.ports.mail import MailUnavailable
from natya.ports.snapshots import SnapshotsUnavailable
from natya.runtime.query import MOVED
from natya.runtime.remembered import Remembered
from natya.runtime.stage import Stage
from natya.runtime.turn import Turn

LOOK: Final = 32
"""Letters of the key that are looked through; with more of them before it, a message is *pending* without further ado."""
PAUSE: Final = 0.05
"""Seconds between two looks, at first; doubles up to `PAUSE_LIMIT`."""
PAUSE_LIMIT: Final = 1.0
PATIENCE_MS: Final = 1_000
"""How long parts that cannot be reached are tried again for somebody who would not wait for an outcome."""
MARGIN_MS: Final = 250
"""How long before the deadline the answer leaves."""

_Question = tuple[str, str, bytes]


class Outcomes:
    """Answers for one partition. ``pending`` are its turns by key and id, ``unread`` says what of the mail is not in memory (see
    `Mailbag.unread`), ``valid`` whether the lease is."""

    def __init__(
        self,
        stage: Stage,
        remembered: Remembered,
        *,
        pending: Callable[[], Mapping[tuple[str, str], Turn]],
        unread: Callable[[str], tuple[int, int]],
        valid: Callable[[], bool],
    ) -> None:
        self._stage = stage
        self._world = stage.world
        self._remembered = remembered
        self._pending = pending
        self._unread = unread
        self._valid = valid
        self._asked: dict[_Question, list[Waiter]] = {}

    def enquire(self, message: Message, waiter: Waiter) -> None:
        """Answer when there is an outcome, or when that may wait no longer. Raises `Invalid`, `Overloaded`."""
        if not message.id:
            raise Invalid(f"a call without {ID}: only natya.ask gives ids", field=ID)
        question = (message.token, message.id, message.body)
        if (waiters := self._asked.get(question)) is not None:
            waiters.append(waiter)
            return
        id, until = _read(message.body)
        if len(self._asked) >= self._world.settings.partition_limit:
            raise Overloaded("too many wait for outcomes here; repeat in a moment", retry_after=1)
        self._asked[question] = [waiter]
        until = min(until, message.deadline - MARGIN_MS)
        self._stage.spawn(
            self._answer(question, id, until, min(message.arrived + PATIENCE_MS, message.deadline - MARGIN_MS))
        )

    def drop(self) -> None:
        """The partition is dropped: who waits is told to ask elsewhere."""
        asked, self._asked = self._asked, {}
        for waiters in asked.values():
            for waiter in waiters:
                waiter(MOVED)

    async def _answer(self, question: _Question, id: str, until: int, patient_until: int) -> None:
        answer = await self._wait_for_outcome(question[0], id, until, max(until, patient_until))
        for waiter in self._asked.pop(question, ()):
            waiter(answer if self._valid() else MOVED)

    async def _wait_for_outcome(self, token: str, id: str, until: int, patient_until: int) -> Answer:
        clock = self._world.clock
        pause = PAUSE
        while True:
            try:
                outcome = await self._look(token, id)
            except (JournalUnavailable, SnapshotsUnavailable, MailUnavailable) as error:
                end = patient_until
                answer = Answer.of(Unavailable(f"it cannot be told now what became of the message: {error}", retry_after=1))
            else:
                end = until if outcome.stand is Stand.PENDING else 0
                answer = Answer(outcome.encode())
            left = (end - clock.now_ms()) / 1000
            if left <= 0:
                return answer
            await self._pass(token, id, min(pause, left), left)
            pause = min(2 * pause, PAUSE_LIMIT)

    async def _pass(self, token: str, id: str, pause: float, left: float) -> None:
        """Wait until it is worth looking again: the turn has ended one way or another, or some time has passed."""
        turn = self._pending().get((token, id))
        if turn is None:
            await self._world.clock.sleep(pause)
            return
        ended = asyncio.Event()
        turn.waiters.append(lambda _: ended.set())
        with suppress(TimeoutError):
            await self._world.clock.wait_for(ended.wait(), left)

    async def _look(self, token: str, id: str) -> Outcome:
        first, failures = self._unread(token)
        found = await self._known(token, id)
        if found is None:
            found = await self._in_mail(token, id, first, failures)
        if found is None:
            found = await self._known(token, id)
        return found or NOTHING

    async def _known(self, token: str, id: str) -> Outcome | None:
        """What memory, journal and store know of the message. Memory and index are looked at in one step."""
        turn = self._pending().get((token, id))
        if turn is not None:
            return Outcome(Stand.PENDING, turn.digest, turn.attempts - 1)
        past = await self._remembered.find(token, id, kept=True)
        if past is None or past.answer is None:
            return None
        return Outcome(Stand.DONE, past.digest, answer=past.answer)

    async def _in_mail(self, token: str, id: str, first: int, failures: int) -> Outcome | None:
        stage = self._stage
        letters = await self._world.mail.of_key(stage.definition.kind, stage.partition, token, start=first, limit=LOOK)
        for letter in letters:
            if letter.headers.get(ID) == id:
                digest = digest_of(letter.method, letter.body)
                return Outcome(Stand.PENDING, digest, failures if letter.sequence == first else 0)
        return Outcome(Stand.PENDING) if len(letters) == LOOK else None


def _read(body: bytes) -> tuple[str, int]:
    try:
        document = orjson.loads(body)
        return str(document["id"]), int(document.get("until", 0))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise Invalid(f'{OUTCOME} needs {{"id": …}} and may have "until", in ms since the epoch') from error
