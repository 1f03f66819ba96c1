"""One operation, attempt by attempt, until there is an answer or its time is up.

This is the protocol's retry and nothing more, written for whoever has no client library: the same id and the same time of the first
attempt, the next attempt number, after a 503 and *no responders* with a short pause, after silence at once.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass
from random import Random
from typing import Final, Protocol

from natya_ops.chaos.record import Operation, Outcome, Verb
from natya_ops.chaos.workload.outcomes import Heard, Result, final, given_up, outcome
from natya_ops.chaos.workload.recorder import Recorder

FIRST_WAIT: Final = 0.25
"""Seconds until an attempt counts as unheard; doubles up to `LONGEST_WAIT`."""
LONGEST_WAIT: Final = 1.0
FIRST_PAUSE: Final = 0.01
LONGEST_PAUSE: Final = 0.25


@dataclass(slots=True)
class Attempt:
    """``number`` counts from 1; ``sent`` is the time of the first and ``deadline`` the end of all, in ms since the epoch; ``wait`` the
    seconds for which an answer to this one is awaited."""

    number: int
    sent: int
    deadline: int
    wait: float


class Courier(Protocol):
    """A way to the platform."""

    again: bool
    """Whether *unknown* may be asked again: then the id is kept for long enough to tell."""

    async def carry(self, operation: Operation, attempt: Attempt) -> Result:
        """Send one attempt and hear what comes of it. Raises nothing that the network does."""
        ...


class Insisting:
    """Brings operations to their end and records it. ``patience`` is the time for one, in seconds."""

    def __init__(self, recorder: Recorder, chance: Random, *, patience: float, first_wait: float = FIRST_WAIT) -> None:
        self._recorder = recorder
        self._chance = chance
        self._patience = patience
        self._first_wait = first_wait

    async def insist(self, courier: Courier, operation: Operation) -> Outcome:
        """Send until there is an answer, or the time is up."""
        reads = operation.verb is Verb.QUERY
        sent = int(time.time() * 1000)
        attempt = Attempt(0, sent, sent + int(self._patience * 1000), self._first_wait)
        end = time.monotonic() + self._patience
        doubtful, trouble, pause = False, "never sent", FIRST_PAUSE
        for number in itertools.count(1):
            left = end - time.monotonic()
            if left <= 0:
                break
            attempt.number, attempt.wait = number, min(attempt.wait, left)
            operation.attempts = number
            heard = await courier.carry(operation, attempt)
            if isinstance(heard, Heard) and final(heard, reads=reads, again=courier.again):
                found = outcome(heard, reads=reads, doubtful=doubtful)
                self._recorder.end(operation, found, heard.body, (heard.slug or f"code {heard.code}") if heard.code else "")
                return found
            if isinstance(heard, Heard):
                trouble, doubtful, wait = f"{heard.code} {heard.slug}", True, heard.after or pause
            else:
                trouble, doubtful, wait = heard.reason, doubtful or heard.arrived, 0.0 if heard.waited else pause
                attempt.wait = min(attempt.wait * 2, LONGEST_WAIT) if heard.waited else attempt.wait
            self._recorder.troubles[f"{operation.via}: {trouble}"] += 1
            if wait:
                await asyncio.sleep(min(wait * self._chance.uniform(0.5, 1.5), max(0.0, end - time.monotonic())))
                pause = min(pause * 2, LONGEST_PAUSE)
        found = given_up(reads=reads, doubtful=doubtful)
        self._recorder.end(operation, found, None, f"no answer within {self._patience:g} s; the last trouble: {trouble}")
        return found
