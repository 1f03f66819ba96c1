"""`natya.runtime.calling`: the protocol's retry."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import pairwise

from natya.errors import Moved, NatyaError, Overloaded, Reject, Unavailable
from natya.memory import ManualClock, SeededIds
from natya.memory.wire import Delivered
from natya.message import ATTEMPT, ID, SENT, Answer, Message
from natya.names import Subjects
from natya.ports.bus import Disconnected, NoReply, NoResponders, PayloadTooLarge
from natya.runtime.calling import FIRST_WAIT, FIRST_WAIT_LIMIT, LONGEST_PAUSE, LONGEST_WAIT, Caller


class Wire:
    """A bus whose requests end as told, the last one for ever after."""

    def __init__(self, clock: ManualClock, *outcomes: Exception | NatyaError | bytes) -> None:
        self.clock = clock
        self.outcomes = list(outcomes)
        self.sent: list[dict[str, str]] = []
        self.at: list[float] = []
        self.slow = 0.0

    async def request(self, subject: str, data: bytes, headers: Mapping[str, str] | None, *, timeout: float) -> Delivered:
        self.sent.append(dict(headers or {}))
        self.at.append(self.clock.boottime())
        await self.clock.sleep(self.slow)
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, bytes):
            return Delivered("", "", {}, outcome)
        if isinstance(outcome, NatyaError):
            answer = Answer.of(outcome)
            return Delivered("", "", answer.headers() or {}, answer.body)
        if isinstance(outcome, NoReply):
            await self.clock.sleep(timeout)
        raise outcome


async def asked(*outcomes: Exception | NatyaError | bytes, patient: bool = True, within: float = 5.0) -> tuple[Answer, Wire]:
    clock = ManualClock()
    wire = Wire(clock, *outcomes)
    caller = Caller(wire, Subjects(), clock, SeededIds(), patient=patient)  # type: ignore[arg-type]
    now = clock.now_ms()
    message = Message("ledger", "a", 0, "write", b"", id="m1", sent=now, deadline=now + int(within * 1000))
    call = asyncio.create_task(caller.call(message))
    await clock.advance(within + 1)
    return await call, wire


async def test_every_attempt_has_the_same_id_and_time_and_the_next_number() -> None:
    answer, wire = await asked(NoResponders(), NoReply(), Moved("m"), Unavailable("u"), Disconnected(), b"5")
    assert answer == Answer(b"5")
    assert len({(headers[ID], headers[SENT]) for headers in wire.sent}) == 1
    assert [headers[ATTEMPT] for headers in wire.sent] == ["1", "2", "3", "4", "5", "6"]


async def test_a_final_answer_is_not_repeated() -> None:
    answer, wire = await asked(Reject("no_money"), b"5")
    assert answer.slug == "no_money"
    assert len(wire.sent) == 1


async def test_overloaded_is_repeated_by_the_patient_only() -> None:
    assert (await asked(Overloaded("o"), b"5"))[0] == Answer(b"5")
    assert (await asked(Overloaded("o"), b"5", patient=False))[0].slug == "overloaded"


async def test_at_the_deadline_the_last_trouble_is_the_answer() -> None:
    answer, wire = await asked(Unavailable("journal_lost: restore it"))
    assert answer.slug == "unavailable"
    assert b"journal_lost" in answer.body
    assert 10 < len(wire.sent) < 100, "with growing pauses"
    assert (await asked(NoResponders()))[0].slug == "unavailable"


async def test_after_silence_the_outcome_at_the_deadline_is_not_known() -> None:
    assert (await asked(NoReply()))[0].slug == "deadline"


async def test_who_owns_a_partition_that_nobody_hears_of_is_told_to_whoever_wants_to_know() -> None:
    clock = ManualClock()
    wire = Wire(clock, NoResponders(), Moved("m"), NoResponders(), b"5")
    told: list[tuple[str, int]] = []

    def nobody(kind: str, partition: int) -> str:
        told.append((kind, partition))
        return ""

    caller = Caller(wire, Subjects(), clock, SeededIds(), nobody=nobody)  # type: ignore[arg-type]
    call = asyncio.create_task(caller.call(a_message(clock)))
    await clock.advance(1)
    assert (await call) == Answer(b"5")
    assert told == [("ledger", 3), ("ledger", 3)]


def a_message(clock: ManualClock, within: float = 5.0) -> Message:
    now = clock.now_ms()
    return Message("ledger", "a", 3, "write", b"", id="m1", sent=now, deadline=now + int(within * 1000))


async def test_repeats_come_often_at_first_and_seldom_later() -> None:
    """The end of a short outage is noticed soon, and a long one is not made worse."""
    _, wire = await asked(NoResponders(), within=20)
    pauses = [after - before for before, after in pairwise(wire.at)]
    assert max(pauses[:5]) < 0.01
    assert all(pause <= 0.2 * (began + 0.05) for pause, began in zip(pauses, wire.at, strict=False))
    assert max(pauses) <= 1.5 * LONGEST_PAUSE
    assert min(pauses[-5:-1]) >= 0.5 * LONGEST_PAUSE


async def test_after_silence_the_next_attempt_follows_at_once_and_waits_longer() -> None:
    _, wire = await asked(NoReply(), within=10)
    waits = [round(after - before, 3) for before, after in pairwise(wire.at)]
    assert waits[:4] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT, 8 * FIRST_WAIT]
    assert max(waits) <= LONGEST_WAIT


async def test_who_is_used_to_slow_answers_waits_longer_before_it_repeats() -> None:
    """So that load, which makes answers slow, does not breed repeats, which make load."""
    clock = ManualClock()
    wire = Wire(clock, b"5")
    wire.slow = 0.2
    caller = Caller(wire, Subjects(), clock, SeededIds())  # type: ignore[arg-type]
    for _ in range(100):
        call = asyncio.create_task(caller.call(a_message(clock)))
        await clock.advance(0.25)
        assert (await call) == Answer(b"5")
    wire.slow, wire.outcomes, wire.at = 0.0, [NoReply(), b"5"], []
    call = asyncio.create_task(caller.call(a_message(clock)))
    await clock.advance(2)
    assert (await call) == Answer(b"5")
    assert 0.7 < wire.at[1] - wire.at[0] <= FIRST_WAIT_LIMIT


async def test_a_message_that_is_too_large_is_not_sent_again() -> None:
    answer, wire = await asked(PayloadTooLarge("too much", limit=5), b"5")
    assert answer.slug == "too_large"
    assert len(wire.sent) == 1


async def test_a_message_whose_deadline_has_passed_is_not_sent() -> None:
    clock = ManualClock()
    wire = Wire(clock, b"5")
    caller = Caller(wire, Subjects(), clock, SeededIds())  # type: ignore[arg-type]
    assert (await caller.call(a_message(clock, within=0.0))).slug == "deadline"
    assert wire.sent == []


async def test_when_an_answer_follows_silence_it_says_what_is_true_of_the_earlier_attempts_too() -> None:
    """A 503 under this id: nothing was done, so at the deadline the outcome is known after all."""
    answer, _ = await asked(NoReply(), Moved("m"))
    assert answer.slug == "moved"
