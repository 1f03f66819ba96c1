"""Two requests for one intention at the same time: who would rather not wait for the other hears so."""

from __future__ import annotations

import asyncio

import pytest

from natya.message import Answer
from natya.testing import TestPlatform
from support.ledger import Ledger, Stage
from support.protocol import attempt, result, started
from support.trouble import Trouble


async def test_a_request_that_would_not_wait_for_another_hears_that_its_id_is_in_flight(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        sent = platform.clock.now_ms()

        async def send(request: str, number: int = 1, line: str = "x") -> Answer:
            return await attempt(
                platform, "ledger", "a", "write_slowly", id="m1", sent=sent, number=number, request=request, line=line
            )

        first = await started(platform, send("r1"))
        assert result(await send("r2")) == "id_in_flight"
        assert result(await send("r2", line="other")) == "id_reused", "at once, too"
        own_repeat, joining = [await started(platform, send(request, 2)) for request in ("r1", "")]
        assert not own_repeat.done()
        assert not joining.done()
        stage.gates["x"].set()
        assert [result(await call) for call in (first, own_repeat, joining)] == [1, 1, 1]
        assert result(await send("r3")) == 1, "it is not in flight any more"
        assert stage.runs["x"] == 1


@pytest.mark.parametrize("done", [True, False])
async def test_requests_that_come_while_an_id_is_looked_up_are_in_flight_only_if_it_is_new(stage: Stage, done: bool) -> None:
    async with TestPlatform(Ledger) as platform:
        sent = platform.clock.now_ms()

        async def send(request: str, line: str = "x") -> Answer:
            return await attempt(
                platform, "ledger", "a", "write_slowly", id="m1", sent=sent, keep=60, request=request, line=line
            )

        if done:
            stage.gates["x"].set()
            assert result(await send("r0")) == 1
        calls = [asyncio.ensure_future(send(*each)) for each in (("r1",), ("r1",), ("r2",), ("r3", "other"))]
        await platform.clock.settle()
        stage.gates["x"].set()
        found = [result(await call) for call in calls]
        assert found == [1, 1, 1 if done else "id_in_flight", "id_reused"]
        assert stage.runs["x"] == 1


async def test_a_stored_message_under_way_is_in_flight_too(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        await platform.actor(Ledger, "a", id="m1").write_slowly.tell(line="x")
        await platform.clock.settle()
        call = await attempt(platform, "ledger", "a", "write_slowly", id="m1", request="r1", line="x")
        assert result(call) == "id_in_flight"
        stage.gates["x"].set()
        await platform.settle()
        assert result(await attempt(platform, "ledger", "a", "write_slowly", id="m1", request="r2", line="x")) == 1


async def test_a_request_for_what_is_known_to_be_done_is_answered_though_that_awaits_its_proof(stage: Stage) -> None:
    """The answer from memory leaves after an append: whoever comes before it gets the same answer."""
    trouble = Trouble()
    async with TestPlatform(Ledger, faults=trouble) as platform:
        sent = platform.clock.now_ms()

        async def send(request: str) -> Answer:
            return await attempt(platform, "ledger", "a", "write", id="m1", sent=sent, keep=60, request=request, line="x")

        assert result(await send("r0")) == 1
        trouble.delay_sent("*", "natya.journal.ledger.0", 0.2)
        first = await started(platform, send("r1"))
        await platform.clock.advance(0.05)
        second = await started(platform, send("r2"))
        assert not first.done()
        await platform.clock.advance(1)
        assert [result(await call) for call in (first, second)] == [1, 1]
        assert stage.runs["x"] == 1
