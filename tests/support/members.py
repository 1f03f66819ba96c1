"""What a test wants to know of the members of a cluster in memory."""

from __future__ import annotations

from natya.telemetry.events import Event, MemberEnded
from natya.testing import HostedNode, TestPlatform


def ended(seen: list[Event]) -> list[MemberEnded]:
    return [event for event in seen if isinstance(event, MemberEnded)]


def numbers(node: HostedNode) -> set[int]:
    return {partition.number for partition in node.partitions}


def owner(platform: TestPlatform) -> HostedNode:
    (found,) = (node for node in platform.cluster.nodes if node.partitions)
    return found


def other(platform: TestPlatform, node: HostedNode) -> HostedNode:
    return next(found for found in platform.cluster.nodes if found is not node)


async def served(platform: TestPlatform, partitions: int = 16) -> None:
    """Let time pass until every partition has an owner that serves, and only one."""

    def each_once() -> bool:
        owned = [partition.number for node in platform.cluster.nodes for partition in node.partitions]
        return sorted(owned) == list(range(partitions))

    await platform.cluster.until(each_once)


def incarnation(node: HostedNode) -> str:
    """Its present one; empty between two."""
    found = node._node._incarnation
    return "" if found is None else found.membership.incarnation
