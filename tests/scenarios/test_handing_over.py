"""A partition goes from one node to another, and nobody notices."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from natya.telemetry.events import Event, HandedOver
from natya.testing import TestPlatform
from natya_actors.account import Account, Balance
from support.giving import GIVER, TAKER, a_play, cleared, weather
from support.ledger import Ledger, Stage
from support.protocol import attempt, result, started
from support.trouble import HeldSnapshots


@pytest.mark.parametrize("seed", range(4))
async def test_plain_requests_do_not_fail_while_nodes_come_and_go(stage: Stage, seed: int) -> None:
    async with a_play() as play:
        weather(play.trouble, seed)
        stop = False

        async def ask(key: str) -> int:
            count = 0
            while not stop:
                assert result(await play.plain(key, "write", b'{"line":"x"}')) == count + 1
                count += 1
            return count

        asking = [asyncio.create_task(ask(f"k{n}")) for n in range(5)]
        for _ in range(3):
            await play.enter()
            await play.clock.advance(0.2)
            play.taker.stop()
            await play.has_all(GIVER)
            await play.cluster.stop(play.taker)
        stop = True
        await play.clock.advance(1)
        done = [task.result() for task in asking]
        assert min(done) > 50
        assert stage.runs["x"] == sum(done), "nothing ran twice"
        assert len(play.handed_over()) == 6
        assert set(play.released()) == {"handed_over"}


async def test_no_call_waits_for_long(stage: Stage) -> None:
    async with a_play() as play:
        weather(play.trouble, 7, most=0.001)
        longest = 0.0
        stop = False

        async def ask() -> None:
            nonlocal longest
            while not stop:
                began = play.clock.boottime()
                await play.plain("a", "write", b'{"line":"x"}')
                longest = max(longest, play.clock.boottime() - began)

        asking = asyncio.create_task(ask())
        await play.enter()
        stop = True
        await play.clock.advance(1)
        await asking
        assert longest < 0.05
        assert max(event.held for event in play.handed_over()) < 0.02


async def test_partitions_are_spread_evenly_when_a_node_comes_and_when_it_goes() -> None:
    seen: list[Event] = []
    async with TestPlatform(Account, nodes=1, hooks=[seen.append]) as platform:
        for n in range(40):
            await platform.actor(Account, f"k{n}").deposit(amount=n + 1)
        for nodes in (2, 3, 4, 3, 2):
            if nodes > len(platform.cluster.nodes):
                platform.cluster.start_node()
            else:
                await platform.cluster.stop(platform.cluster.nodes[1])
            await platform.cluster.until(lambda: spread(platform))
        assert len([event for event in seen if isinstance(event, HandedOver)]) > 20
        balances = [platform.actor(Account, f"k{n}").deposit(amount=1) for n in range(40)]
        assert await asyncio.gather(*balances) == [Balance(balance=n + 2) for n in range(40)]


def spread(platform: TestPlatform) -> bool:
    """Whether every partition is served, and shares differ by one at most."""
    shares = [len(node.partitions) for node in platform.cluster.nodes]
    return sum(shares) == 16 and max(shares) - min(shares) <= 1


async def test_what_was_not_written_to_the_store_goes_over_through_the_journal(stage: Stage) -> None:
    """The store is away: nothing can be written there or read from it."""
    async with a_play() as play:
        assert await play.platform.actor(Ledger, "a").write(line="x") == 1
        play.platform.snapshots.available = False
        assert await play.platform.actor(Ledger, "a").write(line="y") == 2
        await play.enter()
        assert await play.platform.actor(Ledger, "a").write(line="z") == 3
        assert await play.platform.actor(Ledger, "a").read() == ["x", "y", "z"]


@pytest.mark.parametrize("max_payload", [1 << 20, 200_000])
async def test_what_is_committed_between_prepare_and_take_goes_over_too(stage: Stage, max_payload: int) -> None:
    """With *take*, or, where that would be too large, through the journal."""
    async with a_play(max_payload=max_payload) as play:
        await play.platform.actor(Ledger, "a").write(line="before")
        prepared = play.trouble.delay_sent(TAKER, "_INBOX.*", 0.2, times=1)
        await play.enter(wait=False)
        await play.at(prepared)
        for n in range(4):
            await play.platform.actor(Ledger, f"b{n}").fill(size=40_000)
            await play.platform.actor(Ledger, "a").write(line=f"{n}")
        assert play.owner() == GIVER
        await play.has_all(TAKER)
        assert await play.platform.actor(Ledger, "a").read() == ["before", "0", "1", "2", "3"]
        assert [len((await play.platform.actor(Ledger, f"b{n}").read())[0]) for n in range(4)] == [40_000] * 4


async def test_a_slow_handler_is_waited_for_and_holds_nobody_up(stage: Stage) -> None:
    async with a_play() as play:
        slow = await started(play.platform, play.platform.actor(Ledger, "slow").write_slowly(line="slow"))
        await play.enter(wait=False)
        longest = 0.0
        for n in range(40):
            began = play.clock.boottime()
            asked = await started(play.platform, play.plain("quick", "write", b'{"line":"x"}'))
            while not asked.done():
                await play.clock.advance(0.005)
            longest = max(longest, play.clock.boottime() - began)
            assert result(asked.result()) == n + 1
            await play.clock.advance(0.05)
        assert 0 < longest < 0.25, "held for a moment, more than once, and then let in again"
        assert play.owner() == GIVER
        assert stage.runs["slow"] == 1
        stage.gates["slow"].set()
        await play.has_all(TAKER)
        assert await slow == 1
        assert stage.runs["slow"] == 1, "it was neither cancelled nor run again"
        assert await play.platform.actor(Ledger, "slow").read() == ["slow"]
        assert len(play.handed_over()) == 1


async def test_calls_made_in_turns_while_their_partition_is_handed_over_do_not_wait_for_each_other(stage: Stage) -> None:
    """The caller's turn must end before the partition can go, so what it has asked must be let in."""
    async with a_play() as play:
        relay = await started(play.platform, play.platform.actor(Ledger, "a").relay(path=["b", "c"], line="x"))
        await play.enter(wait=False)
        await play.clock.advance(0.5)
        assert play.owner() == GIVER
        for key in ("a", "b"):
            stage.gates[key].set()
            await play.clock.advance(0.2)
        assert not relay.done()
        stage.gates["c"].set()
        began = play.clock.boottime()
        await play.has_all(TAKER)
        assert play.clock.boottime() - began < 1
        assert await relay == ["a", "b", "c"]
        assert await play.platform.actor(Ledger, "c").read() == ["x"]


async def test_what_a_turn_asks_of_its_own_partition_is_let_in_also_while_other_calls_are_held(stage: Stage) -> None:
    async with a_play() as play:
        relay = await started(play.platform, play.platform.actor(Ledger, "a").relay(path=["b", "c"], line="x"))
        for key in ("b", "c"):
            stage.gates[key].set()
        await play.enter(wait=False)
        held = await started(play.platform, play.plain("d", "write", b'{"line":"y"}'))
        for _ in range(2_000):
            if not held.done():
                break
            await play.clock.advance(0.001)
            held = await started(play.platform, play.plain("d", "write", b'{"line":"y"}'))
        assert not held.done(), "it was answered at once each time: nothing was ever held"
        stage.gates["a"].set()
        await play.clock.settle()
        assert relay.done()
        assert not held.done()
        await play.has_all(TAKER)
        assert isinstance(result(await held), int)


@pytest.mark.parametrize("seed", range(6))
async def test_chains_of_calls_go_on_across_hand_overs(stage: Stage, seed: int) -> None:
    async with a_play() as play:
        weather(play.trouble, seed)
        for key in "abcdef":
            stage.gates[key].set()
        for line in range(12):
            stage.gates[f"f{line}"].set()
        asked: list[asyncio.Future[object]] = []
        for n in range(2):
            moving = asyncio.ensure_future(play.enter(wait=False) if n == 0 else play.leave())
            for number in range(6):
                line = 6 * n + number
                path = ["abcdef"[(number + k) % 6] for k in range(3)]
                relay = play.platform.actor(Ledger, f"start{line}").relay(path=path, line=f"r{line}")
                stage.gates[f"start{line}"].set()
                asked.append(asyncio.ensure_future(relay))
                forward = play.platform.actor(Ledger, f"g{number}").forward(to="o", line=f"f{line}")
                asked.append(asyncio.ensure_future(forward))
                await play.clock.advance(0.06)
            await play.clock.advance(3)
            assert moving.done()
        await cleared(play.platform, play.trouble)
        assert [task.exception() for task in asked] == [None] * 24
        written = [line for key in "abcdef" for line in await play.platform.actor(Ledger, key).read()]
        assert Counter(written) == Counter(f"r{line}" for line in range(12)), "each once"


async def test_a_message_that_is_repeated_after_the_hand_over_has_its_answer_and_no_second_effect(stage: Stage) -> None:
    """Also one from long before, which the journal read by the successor does not reach back to at first."""
    async with a_play() as play:
        sent = play.clock.now_ms()
        assert result(await attempt(play.platform, "ledger", "a", "write", id="old", line="x")) == 1
        await play.clock.advance(60)
        later = play.clock.now_ms()
        assert result(await attempt(play.platform, "ledger", "a", "write", id="late", line="y")) == 2
        await play.enter()
        for id, line, at, count in (("late", "y", later, 2), ("old", "x", sent, 1)):
            repeat = await started(
                play.platform,
                attempt(play.platform, "ledger", "a", "write", id=id, sent=at, number=2, line=line, timeout=10),
            )
            await play.clock.advance(3)
            assert result(await repeat) == count
        assert stage.runs == {"x": 1, "y": 1}
        assert await play.platform.actor(Ledger, "a").read() == ["x", "y"]


@pytest.mark.parametrize("seed", range(4))
async def test_reads_are_never_stale(stage: Stage, seed: int) -> None:
    async with a_play() as play:
        weather(play.trouble, seed)
        acknowledged = 0
        stop = False

        async def write() -> None:
            nonlocal acknowledged
            while not stop:
                acknowledged = result(await play.plain("a", "write", b'{"line":"x"}'))

        async def read() -> int:
            reads = 0
            while not stop:
                least = acknowledged
                assert len(result(await play.plain("a", "read"))) >= least
                reads += 1
            return reads

        tasks = [asyncio.create_task(write()), *(asyncio.create_task(read()) for _ in range(4))]
        for n in range(4):
            await (play.enter() if n % 2 == 0 else play.cluster.stop(play.taker))
        stop = True
        await play.clock.advance(1)
        await asyncio.gather(*tasks)
        assert len(play.handed_over()) == 4
        assert acknowledged > 40


async def test_a_late_write_of_the_old_owner_to_the_store_does_not_undo_the_new_ones(stage: Stage) -> None:
    snapshots = HeldSnapshots()
    async with a_play(snapshots=snapshots) as play:
        snapshots.writes.clear()
        await play.platform.actor(Ledger, "a").write(line="x")
        await play.clock.advance(1)
        await play.enter()
        gate, snapshots.writes = snapshots.writes, asyncio.Event()
        snapshots.writes.set()
        assert await play.platform.actor(Ledger, "a").write(line="y") == 2
        await play.clock.advance(10)
        gate.set()
        await play.clock.advance(1)
        document = (await snapshots.load("ledger", ["a"]))["a"]
        assert document.version == 2
        assert b'"y"' in (document.state or b"")
