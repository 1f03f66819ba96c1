"""Noticing that a member has ended: fast where it is certain, and without harm where somebody is wrong."""

from __future__ import annotations

import asyncio

import pytest

from natya.memory import MemoryBroker
from natya.message import Answer, Message
from natya.runtime.detection import neighbours
from natya.telemetry.events import Event, LeaseLost, MemberEnded, PartitionClaimed
from natya.testing import HostedNode, TestPlatform
from natya_actors.account import Account, Balance
from support.ledger import Ledger, Stage
from support.members import ended, incarnation, numbers, other, owner, served
from support.protocol import attempt, result, started
from support.trouble import StoppableClock, Trouble


async def test_what_a_killed_node_owned_is_served_elsewhere_at_once() -> None:
    seen: list[Event] = []
    async with TestPlatform(Account, nodes=3, hooks=[seen.append]) as platform:
        for n in range(32):
            await platform.actor(Account, f"k{n}").deposit(amount=n + 1)
        seen.clear()
        began = platform.clock.boottime()
        await platform.cluster.crash(platform.cluster.nodes[1])
        asked = [asyncio.ensure_future(platform.actor(Account, f"k{n}").deposit(amount=1)) for n in range(32)]
        await served(platform)
        await platform.clock.advance(0.05)
        assert [task.result().balance for task in asked] == [n + 2 for n in range(32)]
        assert platform.clock.boottime() - began < 0.5, "a fraction of the time to live"
        assert len(ended(seen)) == 1


@pytest.mark.parametrize("nodes", [2, 3, 6])
async def test_all_but_one_may_be_killed_together(nodes: int) -> None:
    async with TestPlatform(Account, nodes=nodes) as platform:
        await platform.actor(Account, "a").deposit(amount=5)
        began = platform.clock.boottime()
        for node in platform.cluster.nodes[:-1]:
            await platform.cluster.crash(node)
        await served(platform)
        assert platform.clock.boottime() - began < 0.7
        assert (await platform.actor(Account, "a").deposit(amount=1)).balance == 6


async def test_of_two_that_suspect_the_same_at_once_one_declares_and_each_partition_is_claimed_once() -> None:
    seen: list[Event] = []
    async with TestPlatform(Account, nodes=5, hooks=[seen.append]) as platform:
        victim = platform.cluster.nodes[2]
        orphans = numbers(victim)
        assert orphans
        seen.clear()
        await platform.cluster.crash(victim)
        suspicious = asyncio.ensure_future(platform.actor(Account, "a").deposit(amount=1))
        await served(platform)
        assert (await suspicious).balance == 1
        assert len(ended(seen)) == 1
        claimed = [event.partition for event in seen if isinstance(event, PartitionClaimed) and event.forced]
        assert sorted(claimed) == sorted(orphans), "each by one node, in one attempt"


async def test_two_that_win_and_lose_the_race_for_the_key_at_the_same_time(stage: Stage, trouble: Trouble) -> None:
    """Both have proof, both write: one write is refused, and who sent it sees the other's."""
    seen: list[Event] = []
    async with TestPlatform(Ledger, nodes=3, faults=trouble, hooks=[seen.append]) as platform:
        first = owner(platform)
        for node in platform.cluster.nodes:
            trouble.delay_sent(node.name, "$KV.natya_cluster.member.*", 0.03)
        assert await platform.actor(Ledger, "a").write(line="x") == 1
        seen.clear()
        await platform.cluster.crash(first)
        await served(platform, 1)
        await platform.clock.advance(5)
        assert len(ended(seen)) == 1
        assert not [event for event in seen if isinstance(event, LeaseLost)]
        assert await platform.actor(Ledger, "a").write(line="y") == 2


def nobody_hears(broker: MemoryBroker, node: HostedNode) -> None:
    """Probes of this node find *no responders*, as they do when the route between two servers is cut."""
    for interest in broker._interests.find(f"natya.node.{incarnation(node)}.probe"):
        broker.remove(interest)


@pytest.mark.parametrize("same", [False, True])
async def test_a_member_at_another_server_is_not_suspected_though_no_probe_reaches_it(stage: Stage, same: bool) -> None:
    """The same with one server shows what would happen if it was probed."""
    seen: list[Event] = []
    async with TestPlatform(Ledger, nodes=0, hooks=[seen.append]) as platform:
        for name in ("a", "b"):
            platform.cluster.start_node(name).bus.entrance = "s" if same else f"server of {name}"
        await platform.cluster.ready()
        first = owner(platform)
        await platform.actor(Ledger, "a").write(line="x")
        seen.clear()
        nobody_hears(platform.cluster.broker, first)
        await platform.clock.advance(2.9)
        assert bool(ended(seen)) is same
        assert bool([event for event in seen if isinstance(event, LeaseLost)]) is same
        assert await platform.actor(Ledger, "a").write(line="y") == 2
        await platform.clock.advance(10)
        assert (owner(platform) is first) or same
        assert await platform.actor(Ledger, "a").read() == ["x", "y"]


async def test_a_member_at_another_server_that_is_killed_is_noticed_when_its_time_is_over(stage: Stage) -> None:
    async with TestPlatform(Ledger, nodes=0) as platform:
        for name in ("a", "b"):
            platform.cluster.start_node(name).bus.entrance = f"server of {name}"
        await platform.cluster.ready()
        await platform.actor(Ledger, "a").write(line="x")
        began = platform.clock.boottime()
        await platform.cluster.crash(owner(platform))
        await served(platform, 1)
        assert 2.0 < platform.clock.boottime() - began < 4.0
        assert await platform.actor(Ledger, "a").write(line="y") == 2


async def test_a_node_whose_connection_breaks_and_comes_back_again_and_again(stage: Stage) -> None:
    """It is evicted, joins anew and is evicted again; nothing is lost or done twice, and in the end all is as before."""
    seen: list[Event] = []
    async with TestPlatform(Account, nodes=3, hooks=[seen.append]) as platform:
        flapping = platform.cluster.nodes[0]
        before = [numbers(node) for node in platform.cluster.nodes]
        asked: list[asyncio.Future[Balance]] = []
        for n in range(12):
            flapping.bus.disconnect()
            asked += [asyncio.ensure_future(platform.actor(Account, key).deposit(amount=1)) for key in "abcd"]
            await platform.clock.advance(0.1 + 0.05 * (n % 5))
            flapping.bus.reconnect()
            asked += [asyncio.ensure_future(platform.actor(Account, key).deposit(amount=1)) for key in "abcd"]
            await platform.clock.advance(0.05 + 0.3 * (n % 3))
        assert len(ended(seen)) > 2, "it was evicted more than once"
        await platform.clock.advance(10)
        assert all(task.done() and task.exception() is None for task in asked)
        for key in "abcd":
            assert (await platform.actor(Account, key).balance()).balance == 24
        seen.clear()
        await platform.cluster.ready()
        assert [numbers(node) for node in platform.cluster.nodes] == before
        await platform.clock.advance(10)
        assert not [event for event in seen if isinstance(event, PartitionClaimed | MemberEnded | LeaseLost)], "it is quiet"


async def test_a_node_that_was_evicted_but_lives_on_commits_nothing_and_answers_nothing(
    stage: Stage, trouble: Trouble
) -> None:
    """Its server has closed its connection; it has not noticed, and then it cannot renew."""
    async with TestPlatform(Ledger, nodes=2, faults=trouble) as platform:
        first = owner(platform)
        second = other(platform, first)
        (old,) = first.partitions
        await platform.actor(Ledger, "a").write(line="x")
        await platform.actor(Ledger, "b").write(line="x")
        stale = await started(platform, attempt(platform, "ledger", "a", "write_slowly", id="m1", line="stale", timeout=0.2))
        first.bus.sever()
        await platform.cluster.until(lambda: second.partitions, limit=0.5)
        assert await platform.actor(Ledger, "b").write(line="y") == 2
        stage.gates["stale"].set()
        await platform.clock.advance(0.2)
        assert stage.runs["stale"] == 1, "it ran at the old owner, whose append went nowhere"
        assert isinstance(stale.exception(), Exception)
        trouble.lose_sent(first.name, "$KV.natya_cluster.member.*")
        first.bus.disconnect()
        first.bus.reconnect()
        now = platform.clock.now_ms()
        heard: list[Answer] = []
        old.accept(Message("ledger", "b", 0, "read", b"", deadline=now + 600_000), heard.append)
        await platform.clock.settle()
        assert [answer.slug for answer in heard] == ["moved"], "its lease is not valid on the new connection"
        await platform.clock.advance(1.0)
        assert await platform.actor(Ledger, "a").read() == ["x"], "its append was refused"
        trouble.clear()
        assert await platform.actor(Ledger, "a").write(line="z") == 2
        await platform.clock.advance(10)
        await served(platform, 1)
        assert await platform.actor(Ledger, "a").read() == ["x", "z"]


async def test_an_append_that_was_on_its_way_when_its_sender_was_evicted_is_in_the_journal_or_refused(
    stage: Stage, trouble: Trouble
) -> None:
    """It arrives after the successor has won the key, before the fence; or after the fence."""
    for seconds in (0.05, 0.106, 0.11, 0.12, 0.3):
        async with TestPlatform(Ledger, nodes=2, faults=trouble) as platform:
            first = owner(platform)
            await platform.actor(Ledger, "a").write(line="x")
            late = trouble.delay_sent(first.name, "natya.journal.ledger.0", seconds)
            asked = await started(platform, platform.actor(Ledger, "a").write(line="late"))
            assert late.seen
            await platform.cluster.crash(first)
            await platform.clock.advance(2.0)
            assert await asked == 2
            assert await platform.actor(Ledger, "a").read() == ["x", "late"]
            assert 1 <= stage.runs["late"] <= 2
        trouble.clear()
        stage.runs.clear()


async def test_a_node_that_was_stopped_for_long_and_wakes_evicts_nobody(stage: Stage, trouble: Trouble) -> None:
    """To it everybody was silent for ten seconds."""
    seen: list[Event] = []
    async with TestPlatform(Account, nodes=0, faults=trouble, hooks=[seen.append]) as platform:
        clock = StoppableClock(platform.clock)
        sleeper = platform.cluster.start_node("a", clock=clock)
        for name in ("b", "c", "d"):
            platform.cluster.start_node(name)
        await platform.cluster.ready()
        incarnations = {node.name: incarnation(node) for node in platform.cluster.nodes}
        trouble.stop("a", clock, 10)
        await platform.clock.advance(9.9)
        seen.clear()
        await platform.clock.advance(10)
        assert ended(seen) == []
        assert {node.name for node in platform.cluster.nodes if incarnation(node) != incarnations[node.name]} == {"a"}
        await platform.cluster.ready()
        assert len(sleeper.partitions) == 4


async def test_what_a_woken_node_expects_of_the_others_keys_is_old_so_its_proof_is_refused(
    stage: Stage, trouble: Trouble
) -> None:
    """The same where nothing tells it but its clock: what it has missed comes late."""
    seen: list[Event] = []
    async with TestPlatform(Account, nodes=0, faults=trouble, hooks=[seen.append]) as platform:
        for name in ("a", "b", "c", "d"):
            platform.cluster.start_node(name)
        await platform.cluster.ready()
        seen.clear()
        deaf = trouble.delay_delivered("a", "$KV.natya_cluster.member.[bcd]*", 8.0)
        await platform.clock.advance(7.0)
        assert deaf.seen
        assert {event.incarnation[:2] for event in ended(seen)} <= {"a-"}, "deaf, it has not renewed either"
        assert all(node.partitions for node in platform.cluster.nodes if node.name != "a")


async def test_a_node_that_hears_nothing_but_is_alive_is_not_evicted_before_its_time(stage: Stage, trouble: Trouble) -> None:
    seen: list[Event] = []
    async with TestPlatform(Ledger, nodes=2, faults=trouble, hooks=[seen.append]) as platform:
        first = owner(platform)
        trouble.lose_delivered(first.name, "natya.node.*.probe")
        await platform.clock.advance(10)
        assert ended(seen) == []
        assert owner(platform) is first


async def test_everybody_is_watched_also_after_members_have_come_and_gone() -> None:
    async with TestPlatform(Account, nodes=3) as platform:
        for n in range(4):
            platform.cluster.start_node(f"guest{n}")
            await platform.cluster.ready()
            began = platform.clock.boottime()
            await platform.cluster.crash(platform.cluster.nodes[n % 3])
            await served(platform)
            assert platform.clock.boottime() - began < 0.5
        names = [incarnation(node) for node in platform.cluster.nodes]
        assert all(neighbours(name, names) for name in names)


async def test_an_ask_that_nobody_hears_makes_its_sender_look_at_the_owner_at_once(stage: Stage, trouble: Trouble) -> None:
    """The owner is nobody's neighbour among those that ask, and its neighbours are held up."""
    async with TestPlatform(Ledger, nodes=8, faults=trouble) as platform:
        first = owner(platform)
        names = {incarnation(node): node for node in platform.cluster.nodes}
        near = neighbours(incarnation(first), names)
        for name in near:
            trouble.lose_sent(names[name].name, "natya.node.*.probe")
        assert await platform.actor(Ledger, "a").write(line="x") == 1
        await platform.cluster.crash(first)
        answer = await started(platform, platform.bus.request("natya.ask.ledger.a.write", b'{"line":"y"}', timeout=1.0))
        await platform.clock.advance(0.5)
        assert answer.done()
        assert result(Answer.read(answer.result())) == 2
