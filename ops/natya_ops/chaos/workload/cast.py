"""Who is played with: actors of the kinds that ship, under keys that no other run has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from natya.names import encode_key, partition_of

HOT: Final = 4
"""Accounts on which half of the load falls: so few that their histories are concurrent all the time."""
PURSES: Final = 8
INBOXES: Final = 16
PURSE: Final = 10_000
"""What is in each purse at the beginning."""


@dataclass(frozen=True, slots=True)
class Cast:
    """``hot`` and ``spread`` are accounts that clients use directly, the latter one in each partition; ``purses`` are accounts that only
    transfers touch, after a first deposit of `PURSE`, so that their sum says whether money was lost or made; ``inboxes`` are told;
    ``probes`` are accounts that are asked to see whether everybody answers, one in each partition."""

    run: str
    hot: tuple[str, ...]
    spread: tuple[str, ...]
    purses: tuple[str, ...]
    inboxes: tuple[str, ...]
    probes: tuple[str, ...]

    @classmethod
    def named(cls, run: str, partitions: int) -> Cast:
        """The cast of a run, where accounts have so many partitions."""
        return cls(
            run,
            tuple(f"{run}-hot{number}" for number in range(HOT)),
            one_each(f"{run}-spread", partitions),
            tuple(f"{run}-purse{number}" for number in range(PURSES)),
            tuple(f"{run}-inbox{number}" for number in range(INBOXES)),
            one_each(f"{run}-probe", partitions),
        )


def one_each(prefix: str, partitions: int) -> tuple[str, ...]:
    """Keys that begin with ``prefix``, one for each partition, in the order of the partitions."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < partitions:
        key = f"{prefix}{number}"
        found.setdefault(partition_of(encode_key(key), partitions), key)
        number += 1
    return tuple(found[partition] for partition in range(partitions))
