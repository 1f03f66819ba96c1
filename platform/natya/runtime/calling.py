"""Asking an actor until there is an answer: the protocol's retry, used by clients, the edge, routers and turns alike.

Every attempt carries the same id and first sent time and the next attempt number, so that however often it is sent, it takes
effect once. *No responders* and 503 are repeated after a short pause, silence after a time-out; everything else is an
answer.
"""

from __future__ import annotations

from collections.abc import Callable

from natya.clock import Clock, Ids
from natya.errors import DeadlineExceeded, NatyaError, TooLarge, Unavailable
from natya.message import ANYWHERE, Answer, Message
from natya.names import Subjects
from natya.ports.bus import Bus, Disconnected, NoReply, NoResponders, PayloadTooLarge

FIRST_WAIT = 0.04
"""Least seconds until the first repeat when nothing is heard; four times the usual latency if that is longer, up to
`FIRST_WAIT_LIMIT`, so that load does not breed repeats. Doubles up to `LONGEST_WAIT`."""
FIRST_WAIT_LIMIT = 1.0
LONGEST_WAIT = 1.0
FIRST_PAUSE = 0.005
"""Least seconds between an answer that asks for a repeat and the repeat: an eighth of the time spent so far if that is longer,
up to `LONGEST_PAUSE`. A take-over of 100 ms is then noticed within some 12 ms of its end."""
LONGEST_PAUSE = 0.25
GRACE = 0.25
"""Seconds beyond the deadline for which the last answer is awaited: the owner looks at deadlines ten times a second, and what it
says then is better than a guess."""


class Caller:
    """Sends calls. ``patient`` says whether *overloaded* is repeated too (a client's choice) or handed on (a router's);
    ``nobody`` is told of partitions whose calls heard *no responders*, and says why if it knows."""

    def __init__(
        self,
        bus: Bus,
        subjects: Subjects,
        clock: Clock,
        ids: Ids,
        *,
        patient: bool = True,
        nobody: Callable[[str, int], str] = lambda kind, partition: "",
    ) -> None:
        self._bus = bus
        self._subjects = subjects
        self._clock = clock
        self._ids = ids
        self._patient = patient
        self._nobody = nobody
        self._usual = 0.0

    async def call(self, message: Message, *, unserved: Callable[[], None] | None = None) -> Answer:
        """Ask the owner of the message's actor. The message must have an id, a sent time and a deadline; its attempt number is
        counted on. ``unserved`` is told of every attempt that nobody serves, or that a node cannot serve now. Never raises: what goes
        wrong is an answer too."""
        subject = self._subject(message)
        clock = self._clock
        began = clock.boottime()
        wait = min(max(FIRST_WAIT, 4 * self._usual), FIRST_WAIT_LIMIT)
        trouble: NatyaError = Unavailable("nobody owns the actor's partition now", retry_after=1)
        unheard = False  # since the last answer: what a 503 says of an id holds for its earlier attempts too
        if message.deadline <= clock.now_ms():
            return Answer.of(DeadlineExceeded("the deadline had passed when the message arrived; it was not run"))
        while True:
            left = (message.deadline - clock.now_ms()) / 1000
            if left <= 0:
                return Answer.of(
                    DeadlineExceeded(f"no answer before the deadline; last trouble: {trouble}") if unheard else trouble
                )
            patience = wait if wait < left else left + GRACE
            asked = clock.boottime()
            try:
                delivery = await self._bus.request(subject, message.body, message.headers(), timeout=patience)
            except NoResponders:
                if unserved is not None:
                    unserved()
                if why := self._nobody(message.kind, message.partition):
                    trouble = Unavailable(why, retry_after=1)
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
                    self._usual += 0.05 * (clock.boottime() - asked - self._usual)
                    return answer
                trouble, unheard = answer.error(), False
                if unserved is not None and answer.slug != "overloaded":
                    unserved()
            message.attempt += 1
            pause = min(max(FIRST_PAUSE, (clock.boottime() - began) / 8), LONGEST_PAUSE)
            await clock.sleep(min(pause * (0.5 + self._ids.jitter()), max(0.0, left)))

    def _subject(self, message: Message) -> str:
        if message.partition == ANYWHERE:
            return self._subjects.ask(message.kind, message.token, message.method)
        return self._subjects.call(message.kind, message.partition, message.token, message.method)
