"""Asking an actor until there is an answer: the protocol's retry, used by clients, the edge, routers and turns alike.

Every attempt carries the same id and first sent time and the next attempt number, so that however often it is sent, it takes
effect once. *No responders* and 503 are repeated after a short pause, silence after a time-out; everything else is an
answer.
"""

from __future__ import annotations

from natya.clock import Clock, Ids
from natya.errors import DeadlineExceeded, NatyaError, TooLarge, Unavailable
from natya.message import Answer, Message
from natya.names import Subjects
from natya.ports.bus import Bus, Disconnected, NoReply, NoResponders, PayloadTooLarge

FIRST_WAIT = 0.25
"""Seconds until the first repeat when nothing is heard; doubles up to `LONGEST_WAIT`."""
LONGEST_WAIT = 4.0
FIRST_PAUSE = 0.005
LONGEST_PAUSE = 0.25
GRACE = 0.25
"""Seconds beyond the deadline for which the last answer is awaited: the owner looks at deadlines ten times a second, and what it
says then is better than a guess."""


class Caller:
    """Sends calls. ``patient`` says whether *overloaded* is repeated too (a client's choice) or handed on (a router's)."""

    def __init__(self, bus: Bus, subjects: Subjects, clock: Clock, ids: Ids, *, patient: bool = True) -> None:
        self._bus = bus
        self._subjects = subjects
        self._clock = clock
        self._ids = ids
        self._patient = patient

    async def call(self, message: Message) -> Answer:
        """Ask the owner of the message's actor. The message must have an id, a sent time and a deadline; its attempt number is
        counted on. Never raises: what goes wrong is an answer too."""
        subject = self._subjects.call(message.kind, message.partition, message.token, message.method)
        wait, pause = FIRST_WAIT, FIRST_PAUSE
        trouble: NatyaError = Unavailable("nobody owns the actor's partition now", retry_after=1)
        unheard = False  # since the last answer: what a 503 says of an id holds for its earlier attempts too
        if message.deadline <= self._clock.now_ms():
            return Answer.of(DeadlineExceeded("the deadline had passed when the message arrived; it was not run"))
        while True:
            left = (message.deadline - self._clock.now_ms()) / 1000
            if left <= 0:
                return Answer.of(
                    DeadlineExceeded(f"no answer before the deadline; last trouble: {trouble}") if unheard else trouble
                )
            patience = wait if wait < left else left + GRACE
            try:
                delivery = await self._bus.request(subject, message.body, message.headers(), timeout=patience)
            except NoResponders:
                pass
            except NoReply:
                unheard = True
                wait = min(wait * 2, LONGEST_WAIT)
                message.attempt += 1
                continue
            except Disconnected:
                trouble = Unavailable("not connected to NATS", retry_after=1)
            except PayloadTooLarge as error:
                return Answer.of(TooLarge(error.detail, **error.extra))
            else:
                answer = Answer.read(delivery)
                if answer.code != 503 or (answer.slug == "overloaded" and not self._patient):
                    return answer
                trouble, unheard = answer.error(), False
            message.attempt += 1
            await self._clock.sleep(min(pause * (0.5 + self._ids.jitter()), max(0.0, left)))
            pause = min(pause * 2, LONGEST_PAUSE)
