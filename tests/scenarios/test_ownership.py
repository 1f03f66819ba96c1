"""What can go wrong with who owns a partition (scenarios 27 to 34)."""

from __future__ import annotations

import asyncio

import pytest

from natya.message import Answer, Message
from natya.ports.lease import Entry
from natya.runtime.partition import Partition
from natya.runtime.view import View
from natya.telemetry.events import Event, LeaseLost, PartitionClaimed
from natya.testing import HostedNode, TestPlatform
from natya_actors.account import Account
from support.ledger import Ledger, Stage
from support.protocol import attempt, result, started
from support.trouble import HeldSnapshots, StoppableClock, Trouble


def owner(platform: TestPlatform) -> HostedNode:
    (found,) = (node for node in platform.cluster.nodes if node.partitions)
    return found


def enquire(platform: TestPlatform, partition: Partition, heard: list[Answer], key: str = "a") -> None:
    """Put a query to a partition object, whoever owns it now."""
    deadline = platform.clock.now_ms() + 600_000
    partition.accept(Message("ledger", key, 0, "read", b"", deadline=deadline), heard.append)


async def two_nodes(platform: TestPlatform) -> tuple[HostedNode, StoppableClock, HostedNode]:
    """Two nodes with clocks of their own: the owner, its clock, and the other."""
    clocks = {name: StoppableClock(platform.clock) for name in ("a", "b")}
    for name, clock in clocks.items():
        platform.cluster.start_node(name, clock=clock)
    await platform.cluster.ready()
    first = owner(platform)
    (second,) = (node for node in platform.cluster.nodes if node is not first)
    return first, clocks[first.name], second


async def test_an_owner_that_was_replaced_while_stopped_answers_no_query_from_its_old_state(
    stage: Stage, trouble: Trouble
) -> None:
    seen: list[Event] = []
    async with TestPlatform(Ledger, nodes=0, faults=trouble, hooks=[seen.append]) as platform:
        first, clock, second = await two_nodes(platform)
        await platform.actor(Ledger, "a").write(line="x")
        (old,) = first.partitions
        trouble.stop(first.name, clock, 10)
        await platform.cluster.until(lambda: second.partitions)
        assert await platform.actor(Ledger, "a").write(line="y") == 2
        heard: list[Answer] = []
        enquire(platform, old, heard)
        assert [answer.slug for answer in heard] == ["moved"]
        await platform.clock.advance(10)
        assert [event for event in seen if isinstance(event, LeaseLost)], "its renewal was refused"
        assert await platform.actor(Ledger, "a").read() == ["x", "y"]


async def test_what_an_owner_decided_before_it_was_replaced_is_refused_by_the_journal(
    stage: Stage, trouble: Trouble
) -> None:
    seen: list[Event] = []
    async with TestPlatform(Ledger, nodes=0, faults=trouble, hooks=[seen.append]) as platform:
        first, clock, second = await two_nodes(platform)
        await platform.actor(Ledger, "a").write(line="x")
        late = await started(platform, attempt(platform, "ledger", "a", "write_slowly", id="m1", line="late", timeout=60))
        trouble.stop(first.name, clock, 6)
        stage.gates["late"].set()
        await platform.cluster.until(lambda: second.partitions)
        assert await platform.actor(Ledger, "a").write(line="y") == 2
        await platform.clock.advance(10)
        trouble.clear()
        assert await platform.actor(Ledger, "a").read() in (["x", "y"], ["x", "y", "late"])
        assert stage.runs["late"] >= 1
        late.cancel()
        await asyncio.wait({late})
        lines = await platform.actor(Ledger, "a").read()
        assert result(await attempt(platform, "ledger", "a", "write", id="after", line="z")) == len(lines) + 1


async def test_a_stopped_owner_takes_no_calls_away_from_the_new_one(stage: Stage, trouble: Trouble) -> None:
    async with TestPlatform(Ledger, nodes=0, faults=trouble) as platform:
        first, clock, second = await two_nodes(platform)
        trouble.stop(first.name, clock, 20)
        await platform.cluster.until(lambda: second.partitions)
        for n in range(40):
            answer = await attempt(platform, "ledger", "a", "write", id=f"m{n}", line=f"{n}", timeout=0.1)
            assert result(answer) == n + 1


async def test_take_over_takes_about_the_time_to_live(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        began = platform.clock.boottime()
        await platform.crash()
        assert platform.clock.boottime() - began < 4.5


async def test_the_first_node_back_after_nats_was_away_does_not_claim_everything() -> None:
    seen: list[Event] = []
    async with TestPlatform(Account, nodes=2, hooks=[seen.append]) as platform:
        first, second = platform.cluster.nodes
        mine = {partition.number for partition in first.partitions}
        assert 0 < len(mine) < 16
        for node in (first, second):
            node.bus.disconnect()
        await platform.clock.advance(10)
        seen.clear()
        first.bus.reconnect()
        await platform.clock.advance(2.5)
        claimed = {event.partition for event in seen if isinstance(event, PartitionClaimed)}
        assert claimed == mine, "its own at once, of others nothing"
        second.bus.reconnect()
        await platform.cluster.ready()
        assert {partition.number for partition in first.partitions} == mine
        assert len([event for event in seen if isinstance(event, PartitionClaimed)]) == 16, "nothing changed hands"


async def test_a_restart_under_the_name_of_a_process_that_is_only_stopped(stage: Stage, trouble: Trouble) -> None:
    """Incarnations differ, so the old one's append is refused and it lets go."""
    async with TestPlatform(Ledger, nodes=0, faults=trouble) as platform:
        clock = StoppableClock(platform.clock)
        first = platform.cluster.start_node("a", clock=clock)
        await platform.cluster.ready()
        await platform.actor(Ledger, "a").write(line="x")
        first.bus.name = "old"  # for the trouble maker only
        trouble.stop("old", clock, 8)
        (old,) = first.partitions
        second = platform.cluster.start_node("a")
        await platform.cluster.until(lambda: second.partitions)
        assert await platform.actor(Ledger, "a").write(line="y") == 2
        heard: list[Answer] = []
        now = platform.clock.now_ms()
        body = b'{"line":"from the old one"}'
        old.accept(Message("ledger", "a", 0, "write", body, id="m9", sent=now, deadline=now + 600_000), heard.append)
        await platform.clock.advance(10)
        assert [answer.slug for answer in heard] == ["moved"]
        assert await platform.actor(Ledger, "a").read() == ["x", "y"]
        assert sum(len(node.partitions) for node in platform.cluster.nodes) == 1


async def test_after_a_suspend_the_lease_is_over_before_the_first_query(stage: Stage) -> None:
    async with TestPlatform(Ledger, nodes=0) as platform:
        clock = StoppableClock(platform.clock)
        platform.cluster.start_node(clock=clock)
        await platform.cluster.ready()
        await platform.actor(Ledger, "a").write(line="x")
        (partition,) = owner(platform).partitions
        heard: list[Answer] = []
        enquire(platform, partition, heard)
        clock.suspend(60)
        enquire(platform, partition, heard)
        assert [result(answer) for answer in heard] == [["x"], "moved"]


async def test_a_load_of_an_earlier_life_of_the_partition_is_dropped(stage: Stage) -> None:
    snapshots = HeldSnapshots()
    async with TestPlatform(Ledger, nodes=2, snapshots=snapshots) as platform:
        first = owner(platform)
        (second,) = (node for node in platform.cluster.nodes if node is not first)
        await platform.actor(Ledger, "a").write(line="x")
        await platform.clock.advance(3)
        first.bus.disconnect()
        await platform.cluster.until(lambda: second.partitions)
        first.bus.reconnect()
        await platform.cluster.ready()
        assert owner(platform) is first
        (life,) = first.partitions
        snapshots.loads.clear()
        heard: list[Answer] = []
        enquire(platform, life, heard)
        await platform.clock.settle()
        assert heard == [], "its load has begun, with what the store had then"
        first.bus.disconnect()
        await platform.cluster.until(lambda: second.partitions)
        gate, snapshots.loads = snapshots.loads, asyncio.Event()
        snapshots.loads.set()
        assert await platform.actor(Ledger, "a").write(line="y") == 2
        first.bus.reconnect()
        await platform.cluster.until(lambda: first.partitions and first.partitions[0] is not life)
        gate.set()
        await platform.clock.settle()
        assert [answer.slug for answer in heard] == ["moved"]
        assert await platform.actor(Ledger, "a").write(line="z") == 3


async def test_an_unseen_renewal_that_was_applied_is_gone_on_from(stage: Stage, trouble: Trouble) -> None:
    seen: list[Event] = []
    async with TestPlatform(Ledger, faults=trouble, hooks=[seen.append]) as platform:
        trouble.lose_delivered("node1", "$KV.natya_cluster.member.*", 1)
        await platform.clock.advance(10)
        assert await platform.actor(Ledger, "a").write(line="x") == 1
        assert not [event for event in seen if isinstance(event, LeaseLost)]


async def test_after_a_disconnect_nothing_is_answered_until_a_renewal_has_succeeded(stage: Stage, trouble: Trouble) -> None:
    async with TestPlatform(Ledger, faults=trouble) as platform:
        (node,) = platform.cluster.nodes
        (partition,) = node.partitions
        await platform.actor(Ledger, "a").write(line="x")
        trouble.lose_sent("node1", "$KV.natya_cluster.member.*", 1)
        node.bus.disconnect()
        node.bus.reconnect()
        heard: list[Answer] = []
        enquire(platform, partition, heard)
        await platform.clock.settle()
        enquire(platform, partition, heard)
        await platform.clock.advance(2)
        enquire(platform, partition, heard)
        assert [result(answer) for answer in heard] == ["moved", "moved", ["x"]]


async def test_nodes_that_come_and_go_quickly_leave_every_partition_with_one_owner() -> None:
    async with TestPlatform(Account, nodes=2) as platform:
        for n in range(6):
            node = platform.cluster.start_node(f"guest{n}")
            await platform.clock.advance(0.3 * n)
            if n % 2:
                await platform.cluster.crash(node)
            else:
                await platform.cluster.stop(node)
            balance = await started(platform, platform.actor(Account, f"k{n}").deposit(amount=1))
            await platform.clock.advance(8)
            assert (await balance).balance == 1
        await platform.cluster.ready()
        owned = [partition.number for node in platform.cluster.nodes for partition in node.partitions]
        assert sorted(owned) == list(range(16))


async def test_a_cluster_bucket_that_was_lost_makes_no_epoch_fall(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        await platform.actor(Ledger, "a").write(line="x")
        await platform.crash()
        (partition,) = platform.cluster.nodes[0].partitions
        await platform.cluster.crash(platform.cluster.nodes[0])
        bucket = platform.cluster.broker.bucket("natya_cluster")
        bucket._entries.clear()
        platform.cluster.start_node()
        await platform.cluster.ready()
        assert platform.cluster.nodes[0].partitions[0].epoch == partition.epoch + 1
        assert await platform.actor(Ledger, "a").read() == ["x"]


async def test_the_end_of_an_owner_that_the_watch_never_told_is_noticed_all_the_same(
    stage: Stage, trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that restarts just when a key expires may leave no marker: the key itself says it, when asked."""
    apply = View.apply

    def never_told(view: View, entry: Entry) -> None:
        if entry.value is not None or not entry.key.startswith("member."):
            apply(view, entry)

    monkeypatch.setattr(View, "apply", never_told)
    async with TestPlatform(Ledger, nodes=0, faults=trouble) as platform:
        first, _, second = await two_nodes(platform)
        assert await platform.actor(Ledger, "a").write(line="x") == 1
        await platform.cluster.crash(first)
        await platform.cluster.until(lambda: second.partitions)
        assert await platform.actor(Ledger, "a").write(line="y") == 2
