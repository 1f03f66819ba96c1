"""Up to when everything that was committed is in the store, as the owner of a partition tells it. A list reads the store, and so knows how old
it may be."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import count
from typing import Final

import orjson

from natya.message import Answer
from natya.names import partition_of

WRITTEN: Final = "$written"
"""The query on ``natya.call`` of any key of a partition by which its owner tells that. It has no parameters. No method can have this name."""


def encode_written(since: int | None) -> Answer:
    """``since`` is when (ms) the oldest was committed that is not in the store; None if all is."""
    return Answer(orjson.dumps({"since": since}))


def all_written(asked: int, answers: Iterable[Answer]) -> int | None:
    """Up to when everything is in the store for certain, by what the owners of all partitions say, who were asked at ``asked`` (ms); None if
    one of them did not answer. Who has nothing unwritten may have something a moment later, so it is never later than ``asked``."""
    times = [asked]
    for answer in answers:
        if not answer.ok:
            return None  # away, or of earlier code
        since = orjson.loads(answer.body)["since"]
        if since is not None:
            times.append(since)
    return min(times)


@lru_cache(maxsize=64)
def a_key_of_each(partitions: int) -> tuple[str, ...]:
    """A key of each partition, for asking something of the partition itself."""
    found: dict[int, str] = {}
    for number in count():
        found.setdefault(partition_of(str(number), partitions), str(number))
        if len(found) == partitions:
            return tuple(found[partition] for partition in range(partitions))
    raise AssertionError("counting has no end")
