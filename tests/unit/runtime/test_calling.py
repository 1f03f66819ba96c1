"""`natya.runtime.calling`: the protocol's retry."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from natya.errors import Moved, NatyaError, Overloaded, Reject, Unavailable
from natya.memory import ManualClock, SeededIds
from natya.memory.wire import Delivered
from natya.message import ATTEMPT, ID, SENT, Answer, Message
from natya.names import Subjects
from natya.ports.bus import Disconnected, NoReply, NoResponders
from natya.runtime.calling import Caller


class Wire:
    """A bus whose requests end as told, the last one for ever after."""

    def __init__(self, clock: ManualClock, *outcomes: Exception | NatyaError | bytes) -> None:
        self.clock = clock
        self.outcomes = list(outcomes)
        self.sent: list[dict[str, str]] = []

    async def request(self, subject: str, data: bytes, headers: Mapping[str, str] | None, *, timeout: float) -> Delivered:
        self.sent.append(dict(headers or {}))
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
