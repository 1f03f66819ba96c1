"""Finding out whether a message was done before: from the index, the journal behind it, older journal that is still being read, and what
the store keeps.

What none of them knows is new only if one of them would know it: the index by its coverage, or the store by the time for which the
message's outcome was to be kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from natya.errors import OutcomeUnknown, Unavailable
from natya.message import MAX_AHEAD_MS, Answer, Message
from natya.ports.journal import JournalUnavailable
from natya.ports.snapshots import SnapshotsUnavailable
from natya.runtime.execution import id_reused
from natya.runtime.index import Index
from natya.runtime.letters import MAIL_ID
from natya.runtime.remembered import Remembered
from natya.runtime.stage import Stage
from natya.runtime.turn import Turn


class Recollection:
    """What one partition can tell of messages that it may have seen. ``reading_back`` says whether older journal is still being read into
    the index, ``asked_back`` whether a message waits for that; ``set_apart`` takes letters under the id of another message."""

    def __init__(self, stage: Stage, index: Index, remembered: Remembered, set_apart: Callable[[Turn], None]) -> None:
        self._clock = stage.world.clock
        self._index = index
        self._remembered = remembered
        self._set_apart = set_apart
        self._extended = asyncio.Event()
        self.asked_back = asyncio.Event()
        self.reading_back = False

    async def resolve(self, turn: Turn) -> None:
        """Find out whether the message was done before: `Turn.verdict` is its outcome then, `Turn.started` the time of a first
        run that did not end. Nothing of both: it is new."""
        turn.unsure = False
        message = turn.message
        clock = self._clock
        pause = 0.02
        while True:
            try:
                if await self._look_up(turn):
                    return
                new = message.id.startswith(MAIL_ID) or message.sent > self._index.coverage or self._would_be_kept(message)
                if new and not self._may_have_begun(turn):
                    return
            except (JournalUnavailable, SnapshotsUnavailable) as error:
                if turn.deadline and clock.now_ms() >= turn.deadline and not message.mail:
                    turn.verdict = Answer.of(
                        Unavailable(f"it cannot be told whether this was done before: {error}", retry_after=1)
                    )
                    return
                await clock.sleep(pause)
                pause = min(pause * 2, 1.0)
                continue
            if not self.reading_back:
                turn.verdict = OUTCOME_UNKNOWN
                return
            self.asked_back.set()
            self._extended.clear()
            await self._extended.wait()

    def _may_have_begun(self, turn: Turn) -> bool:
        """Whether a first run may have asked others and not ended, as older journal would say that is still being read. Who has outcomes
        kept repeats much later, and as if it were the first time; a handler without ``await`` asks nobody."""
        return self.reading_back and bool(turn.message.keep) and not turn.plain

    def _would_be_kept(self, message: Message) -> bool:
        """Whether the store would know an earlier attempt still: as long as its sender wanted, counted from the first sending by a
        clock that may be ahead. After that the store's silence proves nothing."""
        sent = message.sent - MAX_AHEAD_MS
        return bool(message.keep) and self._clock.now_ms() < sent + message.keep * 1000

    async def _look_up(self, turn: Turn) -> bool:
        """Whether the journal or the store knows of the message. Raises `JournalUnavailable`, `SnapshotsUnavailable`."""
        message = turn.message
        past = await self._remembered.find(message.token, message.id, kept=bool(message.keep))
        if past is None:
            return False
        if past.digest != turn.digest:
            turn.verdict = Answer.of(id_reused(turn))
            if message.mail:
                self._set_apart(turn)
        elif past.answer is not None:
            turn.verdict, turn.repeated = past.answer, True
        else:
            turn.started = past.started
            turn.attempts = max(turn.attempts, 2)
        return True

    def extended(self, *, more: bool) -> None:
        """The index reaches further back now; ``more`` says whether that goes on."""
        self.reading_back = more
        self._extended.set()


OUTCOME_UNKNOWN = Answer.of(
    OutcomeUnknown("the id is older than what this partition remembers: it may or may not have been done; ask the actor")
)
