"""Whatever ends a partition or a node, who waits is answered exactly once, and nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress

import orjson
import pytest

from natya import Actor, command
from natya.errors import NatyaError, Unavailable
from natya.message import Answer, Message
from natya.ports.bus import NoReply
from natya.settings import Settings
from natya.telemetry.events import Event, LeaseLost, PartitionReleased
from natya.testing import TestPlatform
from natya_actors.account import Account
from support.ledger import STAGE, Ledger, Lines, Other, Stage
from support.protocol import attempt, result, started
from support.trouble import HeldSnapshots, Trouble

JOURNAL = "natya.journal.ledger.0"


def put(
    platform: TestPlatform, method: str, heard: list[Answer], *, key: str = "a", id: str = "", **arguments: object
) -> None:
    """Hand a message to the partition of the first node, as its subscription does."""
    (partition,) = platform.cluster.nodes[0].partitions
    now = platform.clock.now_ms()
    body = orjson.dumps(arguments)
    message = Message("ledger", key, 0, method, body, id=id, sent=now if id else 0, deadline=now + 600_000, arrived=now)
    partition.accept(message, heard.append)


async def put_everything(
    platform: TestPlatform, stage: Stage, trouble: Trouble, snapshots: HeldSnapshots
) -> list[list[Answer]]:
    """Messages in every state that one can wait in; each has a list that hears its answers."""
    heard: list[list[Answer]] = [[] for _ in range(10)]
    await platform.actor(Ledger, "a").write(line="warm")
    put(platform, "write_slowly", heard[0], id="running", line="r")
    put(platform, "write", heard[1], id="queued", line="q")
    put(platform, "write", heard[2], id="queued", line="q")
    put(platform, "read_slowly", heard[3], gate="never")
    await platform.clock.settle()
    snapshots.loads.clear()
    put(platform, "read", heard[4], key="loading")
    put(platform, "write", heard[5], key="loading", id="loading", line="l")
    trouble.lose_sent("node1", JOURNAL)
    await platform.clock.settle()
    return heard


async def test_a_fenced_partition_answers_everybody_once(stage: Stage, trouble: Trouble) -> None:
    snapshots = HeldSnapshots()
    async with TestPlatform(Ledger, faults=trouble, snapshots=snapshots) as platform:
        await platform.actor(Ledger, "b").write(line="warm")
        heard = await put_everything(platform, stage, trouble, snapshots)
        put(platform, "write", heard[6], key="b", id="uncommitted", line="u")
        put(platform, "read", heard[7], key="b")
        put(platform, "refuse", heard[8], key="b", id="no", line="n")
        (partition,) = platform.cluster.nodes[0].partitions
        platform.cluster.nodes[0].bus.disconnect()
        rival = platform.cluster.start_node()
        await platform.cluster.until(lambda: rival.partitions)
        trouble.clear()
        platform.cluster.nodes[0].bus.reconnect()
        await platform.clock.advance(3)
        put_late: list[Answer] = []
        partition.accept(Message("ledger", "b", 0, "read", b"", deadline=1 << 50), put_late.append)
        assert [[answer.slug for answer in each] for each in (*heard[:9], put_late)] == [["moved"]] * 10


async def test_a_node_that_loses_its_lease_while_plain_asks_wait_in_it_survives_and_they_are_answered(
    stage: Stage, trouble: Trouble
) -> None:
    """They came in over natya.ask and wait in the node's own partition: they are asked again, elsewhere."""
    seen: list[Event] = []
    async with TestPlatform(Ledger, faults=trouble, hooks=[seen.append]) as platform:
        body = b'{"line":"x"}'
        ask = await started(platform, platform.bus.request("natya.ask.ledger.a.write_slowly", body, timeout=60))
        assert stage.runs["x"] == 1
        trouble.lose_sent("node1", "$KV.natya_cluster.member.*")
        await platform.clock.advance(7)
        trouble.clear()
        await platform.cluster.until(lambda: [event for event in seen if isinstance(event, LeaseLost)])
        stage.gates["x"].set()
        await platform.clock.advance(3)
        assert orjson.loads((await ask).data) == 1
        assert await platform.actor(Ledger, "a").read() == ["x"]


async def test_a_release_with_queued_messages_runs_none_of_them_twice(stage: Stage) -> None:
    async with TestPlatform(Ledger, nodes=2) as platform:
        (first,) = (node for node in platform.cluster.nodes if node.partitions)
        running = await started(platform, platform.actor(Ledger, "a").write_slowly(line="running"))
        queued = [await started(platform, platform.actor(Ledger, "a").write(line=f"{n}")) for n in range(20)]
        plain = [
            await started(platform, platform.bus.request("natya.ask.ledger.a.write", b'{"line":"p%d"}' % n, timeout=30))
            for n in range(20)
        ]
        for n in range(20):
            await platform.actor(Ledger, "a").write.tell(line=f"t{n}")
        first.stop()
        await platform.clock.advance(0.2)
        stage.gates["running"].set()
        await platform.cluster.until(lambda: first.ended)
        platform.cluster.nodes.remove(first)
        await platform.clock.advance(2)
        await platform.settle()
        await asyncio.gather(running, *queued, *plain)
        lines = Counter(await platform.actor(Ledger, "a").read())
        assert lines == Counter(["running", *(f"{p}{n}" for p in ("", "p", "t") for n in range(20))])


async def test_a_release_does_not_wait_for_ever_for_a_handler(stage: Stage) -> None:
    settings = Settings.model_construct(drain_timeout=2.0)
    async with TestPlatform(Ledger, settings=settings) as platform:
        stuck = await started(platform, platform.actor(Ledger, "a").write_slowly(line="stuck"))
        (node,) = platform.cluster.nodes
        began = platform.clock.boottime()
        node.stop()
        await platform.cluster.until(lambda: node.ended, limit=10)
        assert 2.0 <= platform.clock.boottime() - began < 6.0
        platform.cluster.nodes.remove(node)
        await node.crash()
        stage.gates["stuck"].set()
        platform.cluster.start_node()
        await platform.clock.advance(3)
        assert await stuck == 1
        assert await platform.actor(Ledger, "a").read() == ["stuck"]


async def test_a_clean_stop_hands_over_without_waiting_for_a_lease(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        await platform.actor(Ledger, "a").write(line="x")
        began = platform.clock.boottime()
        await platform.restart()
        assert platform.clock.boottime() - began < 1.5
        assert await platform.actor(Ledger, "a").write(line="y") == 2


async def test_a_handler_that_runs_past_its_deadline_changes_nothing_and_the_actor_goes_on(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        await platform.actor(Ledger, "a").write(line="x")
        late = await started(platform, platform.actor(Ledger, "a", timeout=2).write_slowly(line="late"))
        behind = await started(platform, platform.actor(Ledger, "a").write(line="y"))
        await platform.clock.advance(3)
        with pytest.raises(NatyaError) as caught:
            await late
        assert caught.value.slug == "deadline"
        assert await behind == 2
        assert await platform.actor(Ledger, "a").read() == ["x", "y"]


class Stubborn(Actor[Lines], partitions=1):
    """Does not let itself be cancelled."""

    @command
    async def cling(self, line: str) -> str:
        with suppress(asyncio.CancelledError):
            await STAGE.gates[line].wait()
        return line

    @command
    async def hang(self, line: str) -> str:
        await STAGE.gates[line].wait()
        return line


async def test_after_a_handler_that_was_not_to_be_cancelled_the_next_one_still_is(stage: Stage) -> None:
    async with TestPlatform(Stubborn) as platform:
        now = platform.clock.now_ms()
        calls = [
            await started(
                platform,
                attempt(platform, "stubborn", "a", method, id=method, deadline=now + wait, timeout=60, line=method),
            )
            for method, wait in (("cling", 1_000), ("hang", 2_000))
        ]
        behind = await started(platform, platform.actor(Stubborn, "a").cling(line="behind"))
        stage.gates["behind"].set()
        await platform.clock.advance(5)
        assert [result(call.result()) for call in calls] == ["cling", "deadline"]
        assert await behind == "behind"


async def test_who_is_refused_without_a_turn_is_told_when_the_partition_is_dropped_before(
    stage: Stage, trouble: Trouble
) -> None:
    async with TestPlatform(Ledger, faults=trouble) as platform:
        first: list[Answer] = []
        second: list[Answer] = []
        put(platform, "write_slowly", first, id="m1", line="x")
        trouble.lose_sent("node1", JOURNAL)
        await platform.clock.settle()
        (partition,) = platform.cluster.nodes[0].partitions
        now = platform.clock.now_ms()
        message = Message(
            "ledger", "a", 0, "write_slowly", b'{"line":"x"}', id="m1", sent=now, request="another", arrived=now
        )
        partition.accept(message, second.append)
        await platform.clock.settle()
        platform.cluster.nodes[0].bus.disconnect()
        rival = platform.cluster.start_node()
        await platform.cluster.until(lambda: rival.partitions)
        trouble.clear()
        platform.cluster.nodes[0].bus.reconnect()
        await platform.clock.advance(3)
        assert [answer.slug for answer in (*first, *second)] == ["moved", "moved"]


async def test_a_query_that_runs_past_its_deadline_does_not_run_for_ever(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        query = await started(platform, platform.actor(Ledger, "a", timeout=2).read_slowly(gate="never"))
        await platform.clock.advance(5)
        with pytest.raises(NatyaError) as caught:
            await query
        assert caught.value.code == 504
        (partition,) = platform.cluster.nodes[0].partitions
        assert not partition.reader._slow, "it was ended"


async def test_a_full_disk_acknowledges_nothing_and_says_so(stage: Stage, trouble: Trouble) -> None:
    async with TestPlatform(Ledger, faults=trouble) as platform:
        await platform.actor(Ledger, "a").write(line="x")
        trouble.full_for = "natya.journal.*"
        call = await started(platform, platform.actor(Ledger, "a", timeout=5).write(line="y"))
        await platform.clock.advance(6)
        with pytest.raises(Unavailable, match="insufficient storage"):
            await call
        trouble.clear()
        await platform.clock.advance(3)
        assert await platform.actor(Ledger, "a").write(line="z") == 2
        assert await platform.actor(Ledger, "a").read() == ["x", "z"]


async def test_nats_away_is_latency_within_the_deadline_and_unavailable_after_it(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        await platform.actor(Ledger, "a").write(line="x")
        (node,) = platform.cluster.nodes
        for bus in (node.bus, platform.bus):
            bus.disconnect()
        patient = await started(platform, platform.actor(Ledger, "a").write(line="y"))
        hasty = await started(platform, platform.actor(Ledger, "a", timeout=1).write(line="z"))
        await platform.clock.advance(5)
        with pytest.raises(Unavailable, match="not connected"):
            await hasty
        for bus in (node.bus, platform.bus):
            bus.reconnect()
        await platform.clock.advance(5)
        assert await patient == 2


async def test_an_ask_that_nobody_will_ever_answer_ends_with_its_deadline(stage: Stage, trouble: Trouble) -> None:
    async with TestPlatform(Ledger, faults=trouble) as platform:
        trouble.lose_sent("node1", JOURNAL)
        ask = await started(platform, platform.bus.request("natya.ask.ledger.a.write", b'{"line":"x"}', timeout=100))
        await platform.clock.advance(40)
        answer = Answer.read(await ask)
        assert answer.slug == "outcome_unknown"
        with pytest.raises(NoReply):
            await asyncio.gather(
                platform.bus.request("natya.ask.ledger.a.write", b'{"line":"y"}', timeout=1), platform.clock.advance(2)
            )


async def test_a_crash_at_any_moment_loses_no_acknowledged_deposit_and_doubles_none() -> None:
    async with TestPlatform(Account, nodes=2) as platform:
        acknowledged: Counter[str] = Counter()
        for round in range(5):
            calls = {
                (key, n): asyncio.ensure_future(platform.actor(Account, key, timeout=60).deposit(amount=1))
                for key in ("alice", "bob", "carol")
                for n in range(10)
            }
            for _ in range(round):
                await asyncio.sleep(0)
            await platform.cluster.crash(platform.cluster.nodes[round % 2])
            platform.cluster.start_node(f"again{round}")
            await platform.clock.advance(10)
            for (key, _), call in calls.items():
                await call
                acknowledged[key] += 1
        for key, count in acknowledged.items():
            assert (await platform.actor(Account, key).balance()).balance == count


async def test_every_end_of_a_partition_says_why(stage: Stage) -> None:
    seen: list[Event] = []
    async with TestPlatform(Ledger, Other, hooks=[seen.append]) as platform:
        await platform.restart()
    reasons = {event.reason for event in seen if isinstance(event, PartitionReleased)}
    assert "released" in reasons
