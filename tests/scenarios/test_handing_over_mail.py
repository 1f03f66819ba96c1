"""Messages that are stored, on either side of a hand-over: in order, once, and nothing is read again."""

from __future__ import annotations

import asyncio

import pytest

from natya.runtime.partition import Partition
from support.giving import GIVER, TAKER, Play, a_play, cleared, weather
from support.ledger import Echo, Ledger, Stage
from support.protocol import started, told


async def told_line(play: Play, key: str, line: str) -> None:
    await told(play.platform, key, "write", line=line)


def partition_at(play: Play, name: str) -> Partition:
    node = next(node for node in play.cluster.nodes if node.name == name)
    return next(partition for partition in node.partitions if partition.definition.kind == "ledger")


async def test_how_far_the_mail_is_goes_over_too_so_nothing_is_read_again(stage: Stage) -> None:
    async with a_play() as play:
        for n in range(20):
            await told_line(play, "a", f"{n}")
        await play.platform.settle()
        await play.clock.advance(10)  # the checkpoint covers it all
        position = partition_at(play, GIVER).mailbag.position()
        assert position.head > 0
        read = play.trouble.delay_delivered(TAKER, "natya.mail.*", 0.0)
        await play.enter()
        assert partition_at(play, TAKER).mailbag.position() == position
        await play.clock.advance(1)
        assert read.seen == 0
        await told_line(play, "a", "20")
        await play.platform.settle()
        assert await play.platform.actor(Ledger, "a").read() == [f"{n}" for n in range(21)]


@pytest.mark.parametrize("seed", range(4))
async def test_tells_keep_their_order(stage: Stage, seed: int) -> None:
    async with a_play() as play:
        weather(play.trouble, seed)
        lines: list[str] = []
        for n in range(4):
            moving = asyncio.ensure_future(play.enter(wait=False) if n % 2 == 0 else play.leave())
            for _ in range(30):
                lines.append(f"{len(lines)}")
                sending = [await started(play.platform, told_line(play, key, lines[-1])) for key in ("a", "b")]
                await play.clock.advance(0.02)
                assert all(task.done() for task in sending)
            await play.clock.advance(1)
            assert moving.done()
        await cleared(play.platform, play.trouble)
        await play.platform.settle()
        assert len(play.handed_over()) == 4
        assert await play.platform.actor(Ledger, "a").read() == lines
        assert await play.platform.actor(Ledger, "b").read() == lines


async def test_what_was_decided_and_not_sent_yet_is_sent_once(stage: Stage) -> None:
    async with a_play() as play:
        for subject in ("natya.tell.*", "natya.event.*"):
            play.trouble.lose_sent(GIVER, subject)
        for n in range(5):
            await play.platform.actor(Ledger, "a").pass_on(to="b", line=f"{n}")
        await play.enter()
        play.trouble.clear()
        await play.clock.advance(3)
        await play.platform.settle()
        assert await play.platform.actor(Ledger, "b").read() == [f"{n}" for n in range(5)]
        assert [event.payload["line"] for event in play.platform.events] == [f"{n}" for n in range(5)]
        await play.cluster.stop(play.taker)
        await play.platform.settle()
        assert len(await play.platform.actor(Ledger, "b").read()) == 5
        assert len(play.platform.events) == 5


async def test_stateless_kinds_are_handed_over_too(stage: Stage) -> None:
    async with a_play() as play:
        for n in range(3):
            await play.platform.actor(Echo, "e").note.tell(line=f"{n}")
        await play.enter()
        assert len(play.handed_over("echo")) == 1
        for n in range(3, 6):
            await play.platform.actor(Echo, "e").note.tell(line=f"{n}")
        await play.platform.actor(Echo, "e").note(line="asked")
        await play.platform.settle()
        lines = await play.platform.actor(Ledger, "echoes").read()
        assert sorted(lines) == sorted([*(f"e:{n}" for n in range(6)), "e:asked"])
