"""What a node's end, or the end of its lease, must not leave behind."""

from __future__ import annotations

import asyncio

import orjson

from natya.message import Answer
from natya.runtime.membership import LEFT, member_key
from natya.settings import Settings
from natya.telemetry.events import LeaseLost
from support.giving import TAKER, a_play
from support.ledger import Stage
from support.members import incarnation
from support.protocol import result


async def test_a_node_that_leaves_answers_the_plain_requests_that_it_has_proxied(stage: Stage) -> None:
    """The turns run at the other node, longer than the leaving itself takes."""
    async with a_play(settings=Settings.model_construct(drain_timeout=10.0)) as play:
        await play.enter()
        asks = [
            asyncio.ensure_future(
                play.plain(f"k{n}", "write_slowly", orjson.dumps({"line": f"{n}"}), timeout=30),
            )
            for n in range(8)
        ]
        await play.clock.advance(0.01)
        play.giver.stop()
        await play.clock.advance(2)
        for n in range(8):
            stage.gates[f"{n}"].set()
        await play.clock.advance(3)
        assert [result(await ask) for ask in asks] == [1] * 8
        assert play.giver.ended
        assert not [event for event in play.seen if isinstance(event, LeaseLost)]


async def test_a_successor_that_loses_its_lease_while_it_takes_holds_no_calls_afterwards(stage: Stage) -> None:
    """Its subscription to the partition's calls ends with its claim, or half of them would go to nobody for ever."""
    async with a_play(settings=Settings.model_construct(partition_limit=20)) as play:
        fence = play.trouble.lose_sent(TAKER, "natya.journal.ledger*")
        taker = await play.enter(wait=False)
        await play.at(fence)
        await play.clock.advance(0.2)
        await play.giver.world.cluster.put(member_key(incarnation(taker)), LEFT)
        await play.clock.advance(1)
        play.trouble.clear()
        await play.clock.advance(15)
        answers: list[Answer] = []
        for n in range(40):
            ask = asyncio.ensure_future(play.plain(f"x{n}", "write", orjson.dumps({"line": "a"}), timeout=5))
            await play.clock.advance(1)
            answers.append(ask.result())
        assert [answer.slug for answer in answers] == [""] * 40


async def test_a_node_that_cannot_come_back_leaves_nothing_in_memory_for_each_attempt() -> None:
    async with a_play() as play:
        bus = play.giver.bus
        before = len(bus._on_disconnect), len(bus._on_reconnect)
        for _ in range(5):
            first = incarnation(play.giver)
            await play.giver.world.cluster.put(member_key(first), LEFT)
            await play.cluster.until(lambda first=first: incarnation(play.giver) not in ("", first))  # type: ignore[misc]
            await play.clock.advance(1)
        assert (len(bus._on_disconnect), len(bus._on_reconnect)) == before
