"""How often messages were about to run without an outcome: what the journal says of them (``tries``, see `batch`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from natya.message import Message

Place = tuple[str, str]
"""Token and id of a message."""


@dataclass(frozen=True, slots=True)
class Count:
    """A message was about to run for the ``number``-th time and has had no outcome since. ``slow``: how often it could not be
    alone for long enough (see `trials`); ``at``: when it was counted first, ms; ``sequence``: the record that says so."""

    number: int
    slow: int
    at: int
    sequence: int


class Counts:
    """The counts of one partition, by place, those of the oldest records first."""

    def __init__(self) -> None:
        self._counts: dict[Place, Count] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def __contains__(self, place: Place) -> bool:
        return place in self._counts

    @property
    def oldest(self) -> int | None:
        """The first record whose count is still needed."""
        for count in self._counts.values():
            return count.sequence
        return None

    def get(self, place: Place) -> Count | None:
        return self._counts.get(place)

    def take(self, lines: Sequence[dict[str, Any]], sequence: int) -> None:
        """Record ``sequence`` has these lines; call in order of sequence."""
        for line in lines:
            place = line["key"], line["id"]
            self._counts.pop(place, None)
            if line["n"]:
                self._counts[place] = Count(line["n"], line.get("slow", 0), line["at"], sequence)

    def end(self, place: Place) -> None:
        """The message has an outcome."""
        self._counts.pop(place, None)

    def expire(self, before: int, keep: Callable[[Place], object]) -> None:
        """Forget what was counted first before this time, but not what ``keep`` says yes to."""
        for place, count in list(self._counts.items()):
            if count.at < before and not keep(place):
                del self._counts[place]

    def lines(self) -> list[tuple[Place, dict[str, Any]]]:
        """Everything, to be written again."""
        return [(place, line_of(place, count.number, count.slow, count.at)) for place, count in self._counts.items()]


def place_of(message: Message) -> Place:
    return message.token, message.id


def line_of(place: Place, number: int, slow: int, at: int) -> dict[str, Any]:
    """A count as it stands in a record."""
    line: dict[str, Any] = {"key": place[0], "id": place[1], "n": number, "at": at}
    if slow:
        line["slow"] = slow
    return line
