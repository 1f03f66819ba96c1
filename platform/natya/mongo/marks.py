"""Marks: a place in the store's own history, as text. Only a replica set has one: its operation time."""

from __future__ import annotations

from dataclasses import dataclass

from bson.timestamp import Timestamp


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """The store's operation time: seconds since the epoch, and the number of the operation within that second."""

    seconds: int
    count: int

    @classmethod
    def of(cls, timestamp: Timestamp) -> Mark:
        return cls(timestamp.time, timestamp.inc)

    @classmethod
    def read(cls, text: str) -> Mark | None:
        """The mark that ``text`` tells; None for the empty text. Raises `ValueError`."""
        if not text:
            return None
        seconds, dot, count = text.partition(".")
        if not (dot and all(part.isascii() and part.isdigit() and int(part) < 1 << 32 for part in (seconds, count))):
            raise ValueError(f"{text!r} is not a mark of a MongoDB store: a mark looks like 1795393957.4")
        return cls(int(seconds), int(count))

    @property
    def timestamp(self) -> Timestamp:
        return Timestamp(self.seconds, self.count)

    def __str__(self) -> str:
        return f"{self.seconds}.{self.count}"
