"""Messages that end the process that runs them: each is stopped after three deaths, and nobody else is taken for one."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from natya.errors import Internal, Unavailable
from natya.message import Answer
from natya.runtime.batch import decode
from natya.runtime.partition import Partition
from natya.runtime.trials import BYSTANDER
from natya.testing import TestPlatform
from support.killing import HALF_TIME, Bystander, Deaths, Mortal, Passerby, Waker, deadly_platform
from support.protocol import attempt, started

KEYS = [f"k{number}" for number in range(8)]


def tries(platform: TestPlatform) -> list[dict[str, Any]]:
    """Every count in the journal of `Mortal`, with the sequence of its record."""
    stream = platform.cluster.broker.stream("natya_journal_mortal_0")
    assert stream is not None
    records = stream.read("natya.journal.mortal.0")
    return [{**line, "sequence": record.sequence} for record in records for line in decode(record.data).tries]


def of_mortal(platform: TestPlatform) -> list[Partition]:
    return [p for node in platform.cluster.nodes for p in node.partitions if p.definition.kind == "mortal"]


async def test_a_killer_tell_is_a_dead_letter_after_three_deaths_and_no_innocent_is() -> None:
    async with deadly_platform(nodes=3) as (platform, deaths):
        deaths.deadly["deadly"] = HALF_TIME
        await platform.actor(Mortal, "a").write.tell(line="deadly")
        for line in ("behind", "further behind"):
            await platform.actor(Mortal, "a").write.tell(line=line)
        for number in range(3):
            await platform.actor(Mortal, "b").write.tell(line=f"neighbour {number}", seconds=0.2)
        for key in KEYS:
            await platform.actor(Bystander, key).write.tell(line=f"beside {key}", seconds=0.3)
        on_top = await started(platform, platform.actor(Mortal, "a", timeout=100).write(line="on top"))
        asked = await started(platform, platform.actor(Mortal, "c", timeout=100).write(line="asked", seconds=0.2))
        await platform.clock.advance(20)
        await platform.settle()
        await asyncio.gather(on_top, asked)
        assert deaths.of == {"deadly": 3}
        assert [beside for _, beside in deaths.beside][2] == set(), "the last time it was alone"
        (dead,) = platform.dead_letters
        assert (dead.method, dead.attempts) == ("write", 3)
        assert sorted(await platform.actor(Mortal, "a").read()) == ["behind", "further behind", "on top"]
        assert await platform.actor(Mortal, "b").read() == [f"neighbour {number}" for number in range(3)]
        assert await platform.actor(Mortal, "c").read() == ["asked"]
        for key in KEYS:
            assert await platform.actor(Bystander, key).read() == [f"beside {key}"]


async def test_a_killer_behind_others_of_its_actor_is_found_as_fast() -> None:
    async with deadly_platform() as (platform, deaths):
        deaths.deadly["deadly"] = HALF_TIME
        for line in ("first", "second", "third"):
            await platform.actor(Mortal, "a").note.tell(line=line)
        await platform.actor(Mortal, "a").write.tell(line="deadly")
        await platform.actor(Mortal, "a").note.tell(line="last")
        await platform.clock.advance(15)
        await platform.settle()
        assert deaths.of == {"deadly": 3}
        assert await platform.actor(Mortal, "a").read() == ["first", "second", "third", "last"]


async def test_suspicion_goes_along_when_a_restarted_node_gets_its_partitions_back() -> None:
    """The killer comes again only when the partition has been handed back, cleanly."""
    async with deadly_platform(nodes=3, pause=0.1) as (platform, deaths):
        deaths.deadly["deadly"] = HALF_TIME
        sent = platform.clock.now_ms()
        for number in (1, 2, 3):
            asking = await started(platform, _ask_again(platform, sent, number))
            await platform.cluster.until(partial(_has_killed, deaths, number))
            await deaths.over()
            await platform.clock.advance(3)
            asking.cancel()
        last = await started(platform, _ask_again(platform, sent, 4))
        await platform.clock.advance(1)
        assert deaths.of == {"deadly": 3}
        assert (await last).slug == "internal"


async def test_a_killer_ask_is_stopped_after_three_deaths_and_its_caller_is_told() -> None:
    async with deadly_platform() as (platform, deaths):
        deaths.deadly["deadly"] = HALF_TIME
        asking = await started(platform, platform.actor(Mortal, "a", timeout=100, id="once").write(line="deadly"))
        await platform.clock.advance(20)
        with pytest.raises(Internal) as caught:
            await asking
        assert caught.value.extra["attempts"] == 3
        assert deaths.of == {"deadly": 3}
        (dead,) = platform.dead_letters
        assert (dead.kind, dead.token, dead.method, dead.attempts) == ("mortal", "a", "write", 3)
        assert dead.body == '{"line":"deadly"}' or '"deadly"' in dead.body
        assert await platform.actor(Mortal, "a").write(line="next") == 1


async def test_a_stopped_ask_gets_the_same_answer_however_often_it_comes() -> None:
    async with deadly_platform() as (platform, deaths):
        deaths.deadly["deadly"] = HALF_TIME
        sent = platform.clock.now_ms()
        asking = await started(platform, platform.actor(Mortal, "a", timeout=100, id="once").write(line="deadly"))
        await platform.clock.advance(20)
        with pytest.raises(Internal) as caught:
            await asking
        await platform.restart()
        for number in (7, 8):
            again = await attempt(platform, "mortal", "a", "write", id="once", sent=sent, number=number, line="deadly")
            assert again.error().extra == caught.value.extra
        assert deaths.of == {"deadly": 3}
        assert len(platform.dead_letters) == 1


async def test_two_killers_are_both_found_and_share_no_blame_with_others() -> None:
    """Each has the other's deaths to point to, for a while."""
    async with deadly_platform(nodes=3) as (platform, deaths):
        deaths.deadly |= {"poison": HALF_TIME, "dagger": HALF_TIME / 2}
        await platform.actor(Mortal, "a").write.tell(line="poison")
        await platform.actor(Mortal, "b").write.tell(line="dagger")
        for key in KEYS:
            await platform.actor(Mortal, key).write.tell(line=key, seconds=0.2)
            await platform.actor(Bystander, key).write.tell(line=key, seconds=0.2)
        await platform.clock.advance(30)
        await platform.settle()
        assert sorted(dead.token for dead in platform.dead_letters) == ["a", "b"]
        assert all(number <= BYSTANDER + 1 for number in deaths.of.values())
        for key in KEYS:
            assert await platform.actor(Mortal, key).read() == [key]
            assert await platform.actor(Bystander, key).read() == [key]


@pytest.mark.parametrize(("others", "given_up"), [(True, False), (False, True)])
async def test_who_is_hit_three_times_by_one_who_hits_others_too_is_no_killer(others: bool, given_up: bool) -> None:
    async with deadly_platform(nodes=3) as (platform, deaths):
        await platform.actor(Mortal, "a").write.tell(line="unlucky", seconds=0.5)
        for number in (1, 2, 3):
            await platform.cluster.until(partial(_has_run, deaths, number))
            where = deaths.where("unlucky")
            deaths.strike(where)
            if others and number == 2:
                deaths.strike(next(node.name for node in platform.cluster.nodes if node.name != where))
        await platform.clock.advance(20)
        await platform.settle()
        assert await platform.actor(Mortal, "a").read() == ([] if given_up else ["unlucky"])
        assert [dead.attempts for dead in platform.dead_letters] == ([3] if given_up else [])
        assert deaths.runs["unlucky"] == (3 if given_up else 4)


async def test_a_count_survives_checkpoints_and_a_clean_release() -> None:
    """Its caller gives up after two deaths; long after that somebody repeats it."""
    async with deadly_platform() as (platform, deaths):
        deaths.deadly["deadly"] = HALF_TIME
        sent = platform.clock.now_ms()
        asking = await started(platform, platform.actor(Mortal, "a", timeout=100, id="once").write(line="deadly"))
        await platform.cluster.until(lambda: deaths.of["deadly"] == 2)
        asking.cancel()
        await deaths.over()
        before = [line for line in tries(platform) if line["id"] == "once"]
        assert [line["n"] for line in before] == [1]
        for number in range(100):
            assert await platform.actor(Mortal, "b").note(line=str(number)) == number + 1
            await platform.clock.advance(1)
        (partition,) = of_mortal(platform)
        assert partition.checkpoint.recorded > before[0]["sequence"], "it does not hold the checkpoint back"
        await platform.restart()
        assert [line["n"] for line in tries(platform) if line["id"] == "once"][-1] == 1
        again = await started(platform, _ask_again(platform, sent, 5))
        await platform.cluster.until(lambda: deaths.of["deadly"] == 3)
        await deaths.over()
        answer = await _ask_again(platform, sent, 6)
        assert answer.slug == "internal"
        assert deaths.of == {"deadly": 3}
        again.cancel()


def _has_run(deaths: Deaths, number: int) -> bool:
    return deaths.runs["unlucky"] == number


def _has_killed(deaths: Deaths, times: int) -> bool:
    return deaths.of["deadly"] == times


async def _ask_again(platform: TestPlatform, sent: int, number: int) -> Answer:
    return await attempt(platform, "mortal", "a", "write", id="once", sent=sent, number=number, timeout=50, line="deadly")


async def test_a_count_is_forgotten_when_its_message_does_not_come_again() -> None:
    async with deadly_platform() as (platform, deaths):
        deaths.deadly["deadly"] = HALF_TIME
        asking = await started(platform, platform.actor(Mortal, "a", timeout=100).write(line="deadly"))
        await platform.cluster.until(lambda: deaths.of["deadly"] == 2)
        asking.cancel()
        await deaths.over()
        (partition,) = of_mortal(platform)
        assert partition.trials.oldest
        await platform.clock.advance(660)
        assert partition.trials.oldest is None
        await platform.restart()
        (partition,) = of_mortal(platform)
        assert not partition.trials.on


async def test_a_query_that_kills_is_stopped_too() -> None:
    async with deadly_platform() as (platform, deaths):
        deaths.deadly["deadly"] = HALF_TIME
        await platform.actor(Mortal, "a").write(line="x")
        looking = await started(platform, platform.actor(Mortal, "a", timeout=100).look(line="deadly"))
        await platform.clock.advance(20)
        with pytest.raises(Internal, match="3 times"):
            await looking
        assert deaths.of == {"deadly": 3}
        assert await platform.actor(Mortal, "a").look(line="harmless") == ["x"]


async def test_a_slow_query_that_is_asked_again_and_again_is_no_killer() -> None:
    async with deadly_platform() as (platform, _):
        await platform.crash()
        looking = await started(platform, platform.actor(Mortal, "a", timeout=100).look(line="slow", seconds=3))
        await platform.clock.advance(25)
        assert await looking == []


async def test_a_slow_message_that_runs_alone_holds_the_others_up_for_seconds_only() -> None:
    async with deadly_platform() as (platform, deaths):
        deaths.deadly["deadly"] = HALF_TIME
        await platform.actor(Mortal, "a").write.tell(line="deadly")
        await platform.actor(Mortal, "slow").write.tell(line="slow", seconds=60)
        await platform.cluster.until(lambda: deaths.runs["deadly"] == 3 or platform.dead_letters)
        await platform.cluster.until(lambda: platform.dead_letters)
        began = platform.clock.boottime()
        quick = [await started(platform, platform.actor(Bystander, key, timeout=100).write(line=key)) for key in KEYS]
        await platform.cluster.until(lambda: all(each.done() for each in quick))
        assert platform.clock.boottime() - began < 15
        await platform.settle()
        assert await platform.actor(Mortal, "slow").read() == ["slow"]
        assert [dead.token for dead in platform.dead_letters] == ["a"]


async def test_a_killer_that_takes_its_time_is_found_all_the_same() -> None:
    async with deadly_platform() as (platform, deaths):
        deaths.deadly["deadly"] = 8.0
        await platform.actor(Mortal, "a").write.tell(line="deadly")
        for key in KEYS:
            await platform.actor(Bystander, key).write.tell(line=key, seconds=1)
        await platform.clock.advance(90)
        await platform.settle()
        assert [dead.token for dead in platform.dead_letters] == ["a"]
        assert deaths.of["deadly"] <= 5
        for key in KEYS:
            assert await platform.actor(Bystander, key).read() == [key]


async def test_what_a_lone_message_asks_of_its_own_node_runs() -> None:
    async with deadly_platform(nodes=1) as (platform, deaths):
        deaths.deadly["deadly"] = HALF_TIME
        await platform.actor(Mortal, "a").write.tell(line="deadly")
        await platform.actor(Mortal, "b").pass_on.tell(key="c", line="passed")
        await platform.clock.advance(4)
        await platform.settle()
        await platform.clock.advance(20)
        assert deaths.of == {"deadly": 3}
        assert await platform.actor(Mortal, "b").read() == ["pass passed"]
        assert await platform.actor(Bystander, "c").read() == ["passed"]
        assert [dead.token for dead in platform.dead_letters] == ["a"]


async def test_an_actor_whose_activation_kills_is_left_alone_and_its_neighbours_go_on() -> None:
    async with deadly_platform(Waker) as (platform, deaths):
        deaths.deadly["wake a"] = HALF_TIME
        await platform.actor(Waker, "a").write.tell(line="x")
        await platform.actor(Waker, "b").write.tell(line="y")
        asking = await started(platform, platform.actor(Waker, "a", timeout=20).write(line="z"))
        await platform.clock.advance(25)
        with pytest.raises(Unavailable, match="on_activate ended its process"):
            await asking
        assert deaths.of == {"wake a": 3}
        assert await platform.actor(Waker, "b").read() == ["y"]
        assert platform.dead_letters == []
        del deaths.deadly["wake a"]
        await platform.clock.advance(900)
        await platform.settle(limit=400)
        assert await platform.actor(Waker, "a").read() == ["x"]


async def test_a_stateless_ask_waits_while_a_message_is_alone() -> None:
    async with deadly_platform(Mortal, Passerby, nodes=1) as (platform, deaths):
        deaths.deadly["deadly"] = 1.0
        await platform.actor(Mortal, "a").write.tell(line="deadly")
        for number in range(100):
            if deaths.of["deadly"] == 3:
                break
            await started(platform, platform.actor(Passerby, "b", timeout=60).walk(line=f"walk {number}", seconds=0.3))
            await platform.clock.advance(0.2)
        assert deaths.of == {"deadly": 3}
        assert {line for line, _ in deaths.beside} == {"deadly"}
        assert deaths.beside[0][1] | deaths.beside[1][1], "asks ran beside it, as they should"
        assert deaths.beside[2][1] == set()


async def test_what_fails_without_killing_is_not_counted_for_it() -> None:
    async with deadly_platform() as (platform, deaths):
        deaths.deadly["deadly"] = HALF_TIME
        await platform.actor(Mortal, "a").write.tell(line="deadly")
        await platform.actor(Mortal, "b").fail.tell(line="failing")
        await platform.clock.advance(60)
        await platform.settle()
        assert deaths.of == {"deadly": 3}
        failing = next(dead for dead in platform.dead_letters if dead.token == "b")
        assert failing.attempts == 5
        assert "RuntimeError" in failing.error["detail"]


async def test_nodes_that_come_and_go_meanwhile_change_nothing() -> None:
    async with deadly_platform(nodes=3) as (platform, deaths):
        deaths.deadly |= {"poison": HALF_TIME, "dagger": 0.3}
        await platform.actor(Mortal, "a").write.tell(line="poison")
        asking = await started(platform, platform.actor(Bystander, "b", timeout=200).write(line="dagger"))
        told = 0
        for round in range(6):
            for key in KEYS:
                await platform.actor(Mortal, key).write.tell(line=f"{round}", seconds=0.1)
                await platform.actor(Bystander, key).write.tell(line=f"{round}", seconds=0.1)
                told += 2
            await platform.clock.advance(0.7)
            guest = platform.cluster.start_node(f"guest{round}")
            await platform.clock.advance(1.3)
            if not guest.ended:
                guest.stop()
            await platform.clock.advance(1)
        await platform.clock.advance(30)
        await platform.settle()
        with pytest.raises(Internal):
            await asking
        assert sorted(dead.token for dead in platform.dead_letters) == ["a", "b"]
        for key in KEYS:
            assert await platform.actor(Mortal, key).read() == [f"{round}" for round in range(6)]
            assert await platform.actor(Bystander, key).read() == [f"{round}" for round in range(6)]
