"""What the network does to messages: delays, losses, and parts of the server that do not answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from random import Random

from natya.memory import Faults


@dataclass(frozen=True, slots=True)
class Front:
    """Bad weather: on connections and subjects of these patterns, one way or the other (``sent``: to the server), a part
    ``loss`` of the messages is lost and the others are late by up to ``delay`` seconds."""

    connection: str
    subject: str
    sent: bool
    loss: float = 0.0
    delay: float = 0.0

    def takes(self, connection: str, subject: str) -> bool:
        return fnmatchcase(connection, self.connection) and fnmatchcase(subject, self.subject)


class Weather(Faults):
    """Every message takes up to ``latency`` seconds each way, seldom five times as much. ``fronts`` is the bad weather now,
    ``cuts`` are connections on which nothing gets through before a time, ``no_room`` subjects that no stream stores."""

    def __init__(self, random: Random, now: Callable[[], float], latency: float) -> None:
        self._random = random
        self._now = now
        self._latency = latency
        self.fronts: list[Front] = []
        self.cuts: dict[str, float] = {}
        self.no_room: list[str] = []

    def clear(self) -> None:
        self.fronts.clear()
        self.cuts.clear()
        self.no_room.clear()

    def sending(self, connection: str, subject: str) -> float | None:
        return self._way(connection, subject, sent=True)

    def delivering(self, connection: str, subject: str) -> float | None:
        return self._way(connection, subject, sent=False)

    def full(self, subject: str) -> bool:
        return any(fnmatchcase(subject, pattern) for pattern in self.no_room)

    def _way(self, connection: str, subject: str, *, sent: bool) -> float | None:
        random = self._random.random
        delay = self._latency * random()
        if random() < 0.02:
            delay *= 5
        if self.cuts:
            delay += max(0.0, self.cuts.get(connection, 0.0) - self._now())
        for front in self.fronts:
            if front.sent is sent and front.takes(connection, subject):
                if random() < front.loss:
                    return None
                delay += front.delay * random()
        return delay
