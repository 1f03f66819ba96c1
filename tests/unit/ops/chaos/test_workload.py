"""The account of what callers were told: exact, above all where it is not known whether something happened."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from random import Random

import pytest

from natya.names import encode_key, partition_of
from natya_ops.chaos.record import Operation, Outcome, Verb
from natya_ops.chaos.workload import Cast, Recorder
from natya_ops.chaos.workload.cast import one_each
from natya_ops.chaos.workload.insist import Attempt, Insisting
from natya_ops.chaos.workload.outcomes import Heard, Result, Unheard

OK = Heard(0, "", {"balance": 5})
NO = Heard(409, "insufficient_funds", {"code": "insufficient_funds"})
UNAVAILABLE = Heard(503, "unavailable", {})
UNKNOWN = Heard(504, "outcome_unknown", {})
INTERNAL = Heard(500, "internal", {})
INVALID = Heard(400, "invalid", {})
SILENCE = Unheard("silence", waited=True)
NOBODY = Unheard("no responders", arrived=False)
BROKEN_OFF = Unheard("broken off")


class Told:
    """A courier that hears what it was told it would; the last of it again and again."""

    def __init__(self, heard: Iterable[Result], *, again: bool = False) -> None:
        self._heard = list(heard)
        self.again = again
        self.attempts: list[Attempt] = []

    async def carry(self, operation: Operation, attempt: Attempt) -> Result:
        self.attempts.append(replace(attempt))
        await asyncio.sleep(0)
        return self._heard[min(len(self.attempts), len(self._heard)) - 1]


async def insist(
    *heard: Result, verb: Verb = Verb.ASK, again: bool = False, patience: float = 5.0
) -> tuple[Operation, Told]:
    recorder, courier = Recorder(), Told(heard, again=again)
    operation = recorder.begin(1, "nats", verb, "account", "a", "deposit", "id-1", {"amount": 5})
    found = await Insisting(recorder, Random(1), patience=patience, first_wait=0.01).insist(courier, operation)
    assert operation.outcome is found
    assert recorder.waiting == 0
    assert recorder.ended == Counter({found: 1})
    return operation, courier


@pytest.mark.parametrize(
    ("heard", "outcome", "error"),
    [
        ([OK], Outcome.OK, ""),
        ([NO], Outcome.REFUSED, "insufficient_funds"),
        ([SILENCE, UNAVAILABLE, NOBODY, BROKEN_OFF, OK], Outcome.OK, ""),
        ([SILENCE, NO], Outcome.REFUSED, "insufficient_funds"),
        ([INVALID], Outcome.FAILED, "invalid"),
        ([INTERNAL], Outcome.FAILED, "internal"),
        ([NOBODY, INTERNAL], Outcome.FAILED, "internal"),
        ([SILENCE, INTERNAL], Outcome.UNKNOWN, "internal"),
        ([BROKEN_OFF, INVALID], Outcome.UNKNOWN, "invalid"),
        ([UNKNOWN], Outcome.UNKNOWN, "outcome_unknown"),
    ],
)
async def test_an_answer_counts_for_the_id_and_an_error_for_its_attempt_alone(
    heard: list[Result], outcome: Outcome, error: str
) -> None:
    operation, courier = await insist(*heard)
    assert (operation.outcome, operation.error) == (outcome, error)
    assert operation.attempts == len(courier.attempts) == len(heard)
    assert math.isinf(operation.ended) == (outcome is Outcome.UNKNOWN)


@pytest.mark.parametrize(
    ("heard", "verb", "outcome"),
    [
        (NOBODY, Verb.ASK, Outcome.FAILED),
        (NOBODY, Verb.TELL, Outcome.FAILED),
        (SILENCE, Verb.ASK, Outcome.UNKNOWN),
        (BROKEN_OFF, Verb.TELL, Outcome.UNKNOWN),
        (UNAVAILABLE, Verb.ASK, Outcome.UNKNOWN),
        (UNAVAILABLE, Verb.QUERY, Outcome.FAILED),
        (SILENCE, Verb.QUERY, Outcome.FAILED),
    ],
)
async def test_at_the_end_only_what_certainly_reached_nobody_has_failed(heard: Result, verb: Verb, outcome: Outcome) -> None:
    operation, _ = await insist(heard, verb=verb, patience=0.1)
    assert operation.outcome is outcome
    assert operation.error.startswith("no answer within 0.1 s; the last trouble: ")


async def test_what_may_have_arrived_once_stays_in_doubt_to_the_end() -> None:
    operation, _ = await insist(BROKEN_OFF, NOBODY, patience=0.1)
    assert operation.outcome is Outcome.UNKNOWN


async def test_queries_are_repeated_when_their_outcome_is_unknown() -> None:
    operation, _ = await insist(UNKNOWN, OK, verb=Verb.QUERY)
    assert (operation.outcome, operation.attempts) == (Outcome.OK, 2)


async def test_where_the_id_is_kept_the_unknown_is_asked_again() -> None:
    operation, _ = await insist(UNKNOWN, OK, again=True)
    assert (operation.outcome, operation.attempts) == (Outcome.OK, 2)


async def test_attempts_are_numbered_and_carry_the_time_of_the_first() -> None:
    _, courier = await insist(SILENCE, SILENCE, OK)
    assert [attempt.number for attempt in courier.attempts] == [1, 2, 3]
    assert len({(attempt.sent, attempt.deadline) for attempt in courier.attempts}) == 1
    assert courier.attempts[0].deadline - courier.attempts[0].sent == 5_000
    assert [attempt.wait for attempt in courier.attempts] == [0.01, 0.02, 0.04]


async def test_the_recorder_counts_what_had_to_be_repeated() -> None:
    recorder = Recorder()
    operation = recorder.begin(1, "nats", Verb.ASK, "account", "a", "deposit", "id-1", {})
    assert (recorder.waiting, recorder.answered, recorder.unanswered) == (1, 0, 0)
    await Insisting(recorder, Random(1), patience=5.0).insist(Told([SILENCE, UNAVAILABLE, OK]), operation)
    assert (recorder.waiting, recorder.answered, recorder.unanswered) == (0, 1, 0)
    assert recorder.troubles == Counter({"nats: silence": 1, "nats: 503 unavailable": 1})
    assert operation.begun <= operation.ended <= recorder.now()


def test_a_cast_has_an_account_in_every_partition_and_no_two_runs_share_a_key() -> None:
    cast, other = Cast.named("one", 16), Cast.named("two", 16)
    for keys in (cast.spread, cast.probes, one_each("x", 16)):
        assert [partition_of(encode_key(key), 16) for key in keys] == list(range(16))
    everybody = (*cast.hot, *cast.spread, *cast.purses, *cast.probes, *cast.inboxes)
    assert len(set(everybody)) == len(everybody)
    assert not set(everybody) & {*other.hot, *other.spread, *other.purses, *other.probes, *other.inboxes}
