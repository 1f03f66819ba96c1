"""Who should have which partition: a pure function, so that everybody computes the same answer without a leader or a table.

Rendezvous hashing (Thaler and Ravishankar, 1998) with bounded loads: each name draws a number for each partition, the greatest
draw of all is honoured first, and a name that has its fair share gets no more. So shares differ by one at most, and a node
that comes or goes moves little more than its own share. Differences of view cost a retry, never safety.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

from natya.runtime.view import Member


def place(kind: str, needs: Sequence[int], names: Mapping[str, int]) -> list[str | None]:
    """The name that should have each partition; None if nobody can.

    ``needs[n]`` is the schema of the states in partition ``n``; ``names`` maps each name to the schema that it can read. A
    partition goes to nobody who could not read it.
    """
    placed: list[str | None] = [None] * len(needs)
    if not names:
        return placed
    fair, more = divmod(len(needs), len(names))
    share: Counter[str] = Counter()
    draws = sorted(
        ((_draw(kind, number, name), name, number) for number in range(len(needs)) for name in names), reverse=True
    )
    for _, name, number in draws:
        if placed[number] is not None or names[name] < needs[number]:
            continue
        if share[name] < fair:
            share[name] += 1
        elif share[name] == fair and more:
            share[name] += 1
            more -= 1
        else:
            continue
        placed[number] = name
    for _, name, number in draws:  # those that only names with a full share can read
        if placed[number] is None and names[name] >= needs[number]:
            placed[number] = name
    return placed


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
