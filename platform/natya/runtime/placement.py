"""Who should have which partition: a pure function, so that everybody computes the same answer without a leader or a table.

Rendezvous hashing (Thaler and Ravishankar, 1998): each name draws a number for the partition, the greatest wins. A node that
comes or goes moves only its own share. Differences of view cost a retry, never safety.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from natya.runtime.view import Member


def place(kind: str, partition: int, names: Iterable[str]) -> str | None:
    """The name that should have the partition; None if there are no names."""
    return max(names, key=lambda name: (_draw(kind, partition, name), name), default=None)


def _draw(kind: str, partition: int, name: str) -> bytes:
    return blake2b(f"{kind}/{partition}/{name}".encode(), digest_size=8).digest()


def hosts(kind: str, members: Iterable[Member]) -> dict[str, Member]:
    """The members that host a kind and stay, by name; of several incarnations of one name the latest."""
    found: dict[str, Member] = {}
    for member in members:
        if member.leaving or kind not in member.kinds:
            continue
        if member.name not in found or found[member.name].joined < member.joined:
            found[member.name] = member
    return found
