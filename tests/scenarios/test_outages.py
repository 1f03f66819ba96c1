"""NATS was away, for everybody or for one: nobody is taken for dead who is not."""

from __future__ import annotations

from natya.telemetry.events import Event, LeaseLost, MemberEnded, PartitionClaimed
from natya.testing import TestPlatform
from natya_actors.account import Account
from support.members import ended, incarnation, numbers, served


async def test_after_nats_was_away_for_longer_than_the_time_to_live_nobody_claims_the_others_partitions() -> None:
    """All have lost their leases, and they come back one after another."""
    seen: list[Event] = []
    async with TestPlatform(Account, nodes=4, hooks=[seen.append]) as platform:
        nodes = list(platform.cluster.nodes)
        before = {node.name: numbers(node) for node in nodes}
        for n in range(20):
            await platform.actor(Account, f"k{n}").deposit(amount=n + 1)
        for node in nodes:
            node.bus.disconnect()
        await platform.clock.advance(20)
        seen.clear()
        back: set[int] = set()
        for node in nodes:
            node.bus.reconnect()
            back |= before[node.name]
            await platform.clock.advance(0.6)
            assert {event.partition for event in seen if isinstance(event, PartitionClaimed)} <= back, "of others nothing"
        await platform.cluster.ready()
        assert {node.name: numbers(node) for node in nodes} == before
        assert ended(seen) == []
        for n in range(20):
            assert (await platform.actor(Account, f"k{n}").balance()).balance == n + 1


async def test_nobody_is_evicted_when_all_connections_break_for_a_moment() -> None:
    """A server that restarts: its members come back one after another, and the first finds that the others do not answer."""
    seen: list[Event] = []
    async with TestPlatform(Account, nodes=4, hooks=[seen.append]) as platform:
        for node in platform.cluster.nodes:
            node.bus.disconnect()
        await platform.clock.advance(0.5)
        seen.clear()
        for node in platform.cluster.nodes:
            node.bus.reconnect()
            await platform.clock.advance(0.35)
        await platform.clock.advance(5)
        assert not [event for event in seen if isinstance(event, MemberEnded | LeaseLost | PartitionClaimed)]


async def test_who_has_just_lost_its_own_lease_takes_what_is_proved_to_be_free_and_no_more() -> None:
    """For a time to live it claims nothing because of silence: others may have been cut off as it was."""
    async with TestPlatform(Account, nodes=3) as platform:
        first, second, third = platform.cluster.nodes
        before = incarnation(first)
        first.bus.disconnect()
        await platform.clock.advance(1)
        first.bus.reconnect()
        await platform.cluster.until(lambda: incarnation(first) not in ("", before))
        await platform.cluster.ready()
        await platform.clock.advance(1)
        await platform.cluster.crash(second)
        began = platform.clock.boottime()
        await served(platform)
        assert platform.clock.boottime() - began < 0.5
        assert first.partitions
        assert third.partitions
