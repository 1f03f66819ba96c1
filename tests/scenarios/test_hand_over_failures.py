"""Each way in which handing over a partition can go wrong: nothing is lost or done twice, and somebody soon serves it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from natya.message import Answer, Delivery, Message
from natya.runtime import receiving
from natya.runtime.handing_over import TAKING
from natya.runtime.partition import Partition
from natya.runtime.recovering import Recovered, read_ahead
from natya.runtime.world import World
from support.giving import GIVER, TAKER, Play, a_play
from support.ledger import Ledger, Stage
from support.protocol import attempt, result, started
from support.trouble import Rule, Trouble

TAKE = "natya.node.*.take"
PREPARE = "natya.node.*.prepare"
KEY = "$KV.natya_cluster.owner.ledger.0"
JOURNAL = "natya.journal.ledger.0"


def ledger(play: Play) -> Partition:
    """The giver's partition object."""
    return next(p for p in play.giver.partitions if p.definition.kind == "ledger")


@dataclass(frozen=True)
class Moment:
    """A moment of a hand-over. ``arranged`` makes it last 50 ms; ``kept``: the giver serves on as if nothing had been."""

    name: str
    arranged: Callable[[Trouble], Rule]
    kept: bool = False


def when_taking(trouble: Trouble, rule: Rule) -> Rule:
    """Let the rule hold for what is delivered from when the successor is told to take."""

    def begin() -> float:
        trouble.delivered.append(rule)
        return 0.0

    trouble.delivered.append(Rule(TAKER, TAKE, begin))
    return rule


MOMENTS = [
    Moment("before it has heard of prepare", lambda t: t.delay_delivered(TAKER, PREPARE, 0.05), kept=True),
    Moment("when it has prepared", lambda t: t.delay_sent(GIVER, TAKE, 0.05), kept=True),
    Moment("before it has heard of take", lambda t: t.delay_delivered(TAKER, TAKE, 0.05)),
    Moment("before it has written the key", lambda t: t.lose_sent(TAKER, KEY)),
    Moment("between key and fence", lambda t: when_taking(t, Rule(TAKER, KEY, 0.05))),
    Moment("while the fence is on its way", lambda t: t.delay_sent(TAKER, JOURNAL, 0.05)),
    Moment("after the fence, before it knows", lambda t: t.delay_delivered(TAKER, JOURNAL, 0.05)),
]


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.name)
async def test_the_successor_ends(stage: Stage, moment: Moment) -> None:
    async with a_play() as play:
        await play.platform.actor(Ledger, "a").write(line="before")
        serving = ledger(play)
        rule = moment.arranged(play.trouble)
        await play.enter(wait=False)
        await play.at(rule)
        asked = [await started(play.platform, play.platform.actor(Ledger, "a").write(line="held"))]
        await play.cluster.crash(play.taker)
        play.trouble.clear()
        asked.append(await started(play.platform, play.platform.actor(Ledger, "a").write(line="later")))
        began = play.clock.boottime()
        while not all(task.done() for task in asked):
            await play.clock.advance(0.01)
        assert play.clock.boottime() - began < TAKING + 1.0
        assert sorted(task.result() for task in asked) == [2, 3]
        await play.has_all(GIVER)
        assert (ledger(play) is serving) is moment.kept
        assert await play.platform.actor(Ledger, "a").read() in (["before", "held", "later"], ["before", "later", "held"])
        await play.enter()
        assert await play.platform.actor(Ledger, "a").write(line="after") == 4
        assert stage.runs == {"before": 1, "held": 1, "later": 1, "after": 1}


@pytest.mark.parametrize("moment", MOMENTS[1:], ids=lambda moment: moment.name)
async def test_the_owner_ends(stage: Stage, moment: Moment) -> None:
    async with a_play() as play:
        await play.platform.actor(Ledger, "a").write(line="before")
        rule = moment.arranged(play.trouble)
        await play.enter(wait=False)
        await play.at(rule)
        asked = [await started(play.platform, play.platform.actor(Ledger, "a").write(line="held"))]
        await play.cluster.crash(play.giver)
        play.trouble.clear()
        asked.append(await started(play.platform, play.platform.actor(Ledger, "a").write(line="later")))
        began = play.clock.boottime()
        while not all(task.done() for task in asked):
            await play.clock.advance(0.01)
        assert play.clock.boottime() - began < 1.5
        assert sorted(task.result() for task in asked) == [2, 3]
        await play.has_all(TAKER)
        assert sorted(await play.platform.actor(Ledger, "a").read()) == ["before", "held", "later"]
        assert stage.runs == {"before": 1, "held": 1, "later": 1}


async def test_the_answer_to_take_is_lost(stage: Stage) -> None:
    """The owner does not know whether it is one still: it forgets everything, and sees that it is not."""
    async with a_play() as play:
        await play.platform.actor(Ledger, "a").write(line="before")
        taking = play.trouble.delay_sent(GIVER, TAKE, 0.01)
        await play.enter(wait=False)
        await play.at(taking)
        bus = play.giver.bus
        lost = play.trouble.lose_delivered(GIVER, f"{bus._inbox}.{bus._count}")
        asked = [await started(play.platform, play.plain(f"k{n}", "write", b'{"line":"held"}')) for n in range(20)]
        await play.clock.advance(TAKING - 0.1)
        assert lost.seen == 1
        assert play.handed_over() == []
        await play.clock.advance(0.5)
        assert [result(task.result()) for task in asked] == [1] * 20
        assert play.owner() == TAKER
        assert play.released()[-1] == "unreachable"
        assert await play.platform.actor(Ledger, "a").write(line="after") == 2
        assert stage.runs["held"] == 20


@pytest.mark.parametrize("late", [0.5, TAKING - 0.01, TAKING + 0.001, TAKING + 0.02, TAKING + 0.3, TAKING + 5.0])
async def test_take_arrives_late(stage: Stage, late: float) -> None:
    """At the latest when the owner has given up waiting, forgotten everything, and somebody has claimed the partition anew."""
    async with a_play() as play:
        taken: list[Delivery] = []
        play.trouble.lose_delivered(TAKER, TAKE, 1)
        await play.enter(wait=False)
        subscription = await play.platform.bus.subscribe(TAKE, taken.append)
        await play.platform.actor(Ledger, "a").write(line="before")
        await play.cluster.until(lambda: [t for t in taken if b'"kind":"ledger"' in t.data])
        await subscription.unsubscribe()
        (take,) = [t for t in taken if b'"kind":"ledger"' in t.data]
        asked = [asyncio.ensure_future(play.platform.actor(Ledger, "a").write(line=f"{n}")) for n in range(5)]
        await play.clock.advance(late)
        play.platform.bus.publish(take.subject, take.data, reply=take.reply)
        asked += [asyncio.ensure_future(play.platform.actor(Ledger, "a").write(line=f"{n}")) for n in range(5, 10)]
        await play.clock.advance(5)
        assert all(task.done() for task in asked)
        await play.has_all(TAKER)
        assert sorted(task.result() for task in asked) == list(range(2, 12))
        assert sorted(await play.platform.actor(Ledger, "a").read()) == sorted(["before", *(f"{n}" for n in range(10))])
        assert max(stage.runs.values()) == 1
        epochs = [event.epoch for event in play.claimed()]
        assert epochs == sorted(set(epochs)), "each won once"


async def test_take_that_was_sent_twice_is_taken_once(stage: Stage) -> None:
    async with a_play() as play:
        taken: list[Delivery] = []
        subscription = await play.platform.bus.subscribe(TAKE, taken.append)
        await play.enter()
        await subscription.unsubscribe()
        for take in taken:
            play.platform.bus.publish(take.subject, take.data)
        await play.platform.actor(Ledger, "a").write(line="x")
        await play.clock.advance(1)
        play.taker.stop()
        await play.has_all(GIVER)
        for take in taken:
            play.platform.bus.publish(take.subject, take.data)
        await play.clock.advance(1)
        assert await play.platform.actor(Ledger, "a").write(line="y") == 2
        assert play.released() == ["handed_over"] * 2


async def test_what_was_read_ahead_for_an_earlier_attempt_is_not_what_a_later_one_goes_on_from(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first reading is so slow that it ends just before the second attempt's *take* arrives."""
    taking = asyncio.Event()
    readings: list[str] = []

    async def reading(world: World, kind: str, partition: int, *, start: int, end: int) -> Recovered:
        found = await read_ahead(world, kind, partition, start=start, end=end)
        readings.append(kind)
        if readings.count("ledger") == 1 and kind == "ledger":
            await taking.wait()
        return found

    def take() -> float:
        taking.set()
        return 0.001

    monkeypatch.setattr(receiving, "read_ahead", reading)
    async with a_play() as play:
        await play.platform.actor(Ledger, "a").write(line="before")
        await play.enter(wait=False)
        await play.clock.advance(1)
        assert readings.count("ledger") == 1
        play.trouble.sent.append(Rule(GIVER, TAKE, take))
        assert await play.platform.actor(Ledger, "a").write(line="meanwhile") == 2
        assert play.owner() == GIVER
        await play.has_all(TAKER)
        assert readings.count("ledger") >= 2
        assert await play.platform.actor(Ledger, "a").read() == ["before", "meanwhile"]


async def test_a_held_call_whose_caller_repeats_it_meanwhile_has_one_effect(stage: Stage) -> None:
    async with a_play() as play:
        play.trouble.delay_delivered(TAKER, TAKE, 1.0, times=1)
        await play.enter(wait=False)
        await play.cluster.until(lambda: not play.giver.partitions or play.trouble.delivered[0].seen)
        sent = play.clock.now_ms()
        repeats = []
        for number in range(1, 6):
            one = attempt(play.platform, "ledger", "a", "write", id="m", sent=sent, number=number, line="x", timeout=10)
            repeats.append(await started(play.platform, one))
            await play.clock.advance(0.3)
        await play.clock.advance(5)
        assert [result(task.result()) for task in repeats] == [1] * 5
        assert await play.platform.actor(Ledger, "a").read() == ["x"]


async def test_an_owner_that_was_stopped_in_the_middle_of_it_answers_nothing_when_it_wakes(stage: Stage) -> None:
    """*Take* has left; the successor serves; what the old owner hears then it sends on or refuses."""
    async with a_play() as play:
        await play.platform.actor(Ledger, "a").write(line="x")
        serving = ledger(play)
        taking = play.trouble.delay_sent(TAKER, JOURNAL, 0.01, times=1)
        await play.enter(wait=False)
        await play.at(taking)
        play.trouble.delay_delivered(GIVER, "*", 1.0)
        await play.clock.advance(0.1)
        asked = await started(play.platform, play.platform.actor(Ledger, "a").write(line="y"))
        await play.clock.advance(0.5)
        assert await asked == 2
        heard: list[Answer] = []
        deadline = play.clock.now_ms() + 600_000
        serving.accept(Message("ledger", "a", 0, "write", b'{"line":"z"}', id="m9", deadline=deadline), heard.append)
        assert heard == [], "frozen: whatever still gets in is not answered before it is known who owns it"
        await play.clock.advance(3)
        assert [answer.slug for answer in heard] == ["moved"]
        play.trouble.clear()
        await play.has_all(TAKER)
        assert await play.platform.actor(Ledger, "a").read() == ["x", "y"]


async def test_a_successor_that_cannot_take_it_now_leaves_everything_as_it_was(stage: Stage) -> None:
    """Its lease is not valid just then."""
    async with a_play() as play:
        slow = await started(play.platform, play.platform.actor(Ledger, "slow").write_slowly(line="slow"))
        serving = ledger(play)
        taker = await play.enter(wait=False)
        await play.clock.advance(1)
        play.trouble.lose_sent(TAKER, "$KV.natya_cluster.member.*")
        taker.bus.disconnect()
        taker.bus.reconnect()
        stage.gates["slow"].set()
        asked = play.trouble.delay_sent(GIVER, PREPARE, 0.0)
        await play.clock.advance(1)
        assert asked.seen > 1
        assert await slow == 1
        assert ledger(play) is serving
        assert await play.platform.actor(Ledger, "a").write(line="x") == 1
        play.trouble.clear()
        await play.has_all(TAKER)
        assert await play.platform.actor(Ledger, "a").read() == ["x"]


async def test_a_partition_that_ends_while_it_is_given_away(stage: Stage) -> None:
    """Somebody else has written to its journal: it is fenced, *take* is refused, and it is claimed anew."""
    async with a_play() as play:
        await play.platform.actor(Ledger, "a").write(line="x")
        prepared = play.trouble.delay_sent(TAKER, "_INBOX.*", 0.2, times=1)
        await play.enter(wait=False)
        await play.at(prepared)
        stream = play.cluster.broker.stream("natya_journal_ledger_0")
        assert stream is not None
        last = stream.last(JOURNAL)
        assert last is not None
        stream.append(JOURNAL, last.data, {})
        asked = await started(play.platform, play.platform.actor(Ledger, "a").write(line="y"))
        await play.clock.advance(5)
        assert "fenced" in play.released()
        assert await asked == 2
        await play.has_all(TAKER)
        assert await play.platform.actor(Ledger, "a").read() == ["x", "y"]
