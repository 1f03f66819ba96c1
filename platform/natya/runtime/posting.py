"""Storing a message until the stream says that it has it: what a tell from outside waits for.

Every attempt carries the same id, so however often it is stored, it takes effect once.
"""

from __future__ import annotations

from collections.abc import Mapping

from natya.clock import Clock
from natya.errors import TooLarge, Unavailable
from natya.message import ATTEMPT, MSG_ID, VOUCH, Message
from natya.names import Subjects
from natya.ports.bus import Bus, Disconnected, NoReply, NoResponders, PayloadTooLarge, Refused
from natya.vouch import Seal

FIRST_PAUSE = 0.02
LONGEST_PAUSE = 1.0
PATIENCE = 2.0
"""Seconds after which an attempt that was not acknowledged is repeated."""


class Poster:
    """Stores messages in their kind's mail."""

    def __init__(self, bus: Bus, subjects: Subjects, clock: Clock) -> None:
        self._bus = bus
        self._subjects = subjects
        self._clock = clock

    async def post(self, message: Message, until: int, *, more: Mapping[str, str], seal: Seal | None = None) -> int:
        """Store the message, which has an id and a sent time; its sequence in the kind's mail. Gives up at ``until`` (ms). ``more`` are
        further headers; ``seal`` vouches for the caller, whom nobody believes without. Raises `TooLarge`, `Unavailable`."""
        headers = {**more, **message.headers(), MSG_ID: f"{message.token}/{message.id}"}
        del headers[ATTEMPT]
        if seal is not None:
            headers[VOUCH] = seal.vouch(message)
        subject = self._subjects.tell(message.kind, message.token, message.method)
        pause = FIRST_PAUSE
        while True:
            try:
                return await self._bus.store(subject, message.body, headers, timeout=PATIENCE)
            except PayloadTooLarge as error:
                raise TooLarge(error.detail, **error.extra) from error
            except Refused as error:
                raise Unavailable(f"the mail stream refuses the message: {error}") from error
            except (Disconnected, NoReply, NoResponders) as error:
                if self._clock.now_ms() >= until:
                    raise Unavailable(f"the message could not be stored in time: {error}", retry_after=1) from error
            await self._clock.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
