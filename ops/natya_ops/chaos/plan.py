"""What will be broken when: drawn from a seed, so that the same seed breaks the same things at the same times.

Faults are dealt like cards: the faults in a random order, then again in another, so that each one comes before any comes twice
more than another. The time between two beginnings is drawn, and the last of the deck fits into the time if that is possible at
all. Most faults begin after the one before has healed; some begin while it lasts, for that is how things go wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

HOLDS: Final[Mapping[str, tuple[float, float]]] = {
    "kill": (0.2, 1.5),
    "drain": (0.2, 1.0),
    "edge": (0.2, 1.0),
    "stop": (1.0, 7.0),
    "partition": (1.0, 7.0),
    "nats": (0.2, 2.5),
    "store": (1.0, 6.0),
    "disk": (1.0, 4.0),
}
"""Seconds for which a fault is held before it is healed, least and most. Stopping and cutting off last shorter than a lease as well
as longer: both must be right."""

USUAL_HOLD: Final = (1.0, 4.0)
"""The same for any other fault."""

GAP: Final = (1.0, 4.5)
"""Seconds of rest between the heal of a fault and the beginning of the next."""

OVERLAP: Final = 0.25
"""Part of the faults that begin while the one before them lasts."""

LEAST_GAP: Final = 0.3
LEAST_HOLD: Final = 0.2
QUIET_END: Final = 1.0
"""Seconds before the end of the time in which nothing is begun, so that the last fault is seen under load."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault to come: ``at`` seconds after the first one may begin, held for ``hold`` seconds. ``seed`` is for the choices that the
    fault makes by itself, such as which worker."""

    number: int
    fault: str
    at: float
    hold: float
    seed: int

    def document(self) -> dict[str, Any]:
        """JSON-able."""
        return {"number": self.number, "fault": self.fault, "at": self.at, "hold": self.hold, "seed": self.seed}


@dataclass(frozen=True, slots=True)
class Plan:
    """All that will be done within ``seconds``."""

    seed: int
    seconds: float
    faults: tuple[str, ...]
    strikes: tuple[Planned, ...]

    def missing(self) -> list[str]:
        """The faults for which there was no time."""
        return [fault for fault in self.faults if all(strike.fault != fault for strike in self.strikes)]

    def document(self) -> list[dict[str, Any]]:
        """JSON-able."""
        return [strike.document() for strike in self.strikes]

    def __str__(self) -> str:
        return "\n".join(f"{s.at:7.1f} s  {s.fault:<10} for {s.hold:.1f} s" for s in self.strikes) or "nothing"


def draw(seed: int, seconds: float, faults: Sequence[str]) -> Plan:
    """The plan of ``seed`` for ``faults``, whatever their order. Times are whole hundredths of a second."""
    names = tuple(sorted(set(faults)))
    chance = Random(f"plan {seed}")
    strikes: list[Planned] = []
    at = chance.uniform(0, 1)
    last = seconds - QUIET_END
    for number, fault in enumerate(_deal(names, chance), 1):
        hold = chance.uniform(*HOLDS.get(fault, USUAL_HOLD))
        gap = chance.uniform(*GAP)
        overlaps, part = chance.random() < OVERLAP, chance.random()
        own = chance.randrange(1 << 32)
        if at > last:
            break
        undealt = len(names) - number
        if undealt > 0:  # the first round must fit into the time
            share = (last - at) / (undealt + 1)
            if share < hold + gap:
                gap = max(LEAST_GAP, min(gap, share / 2))
                hold = max(LEAST_HOLD, min(hold, share - gap))
        strikes.append(Planned(number, fault, round(at, 2), round(min(hold, max(LEAST_HOLD, seconds - at)), 2), own))
        at += hold * part + LEAST_GAP if overlaps else hold + gap
    return Plan(seed, seconds, names, tuple(strikes))


def _deal(names: Sequence[str], chance: Random) -> Iterator[str]:
    """Round after round, each in an order of its own, never one fault twice in a row unless there is no other."""
    before = ""
    while names:
        deck = chance.sample(names, len(names))
        if len(deck) > 1 and deck[0] == before:
            deck.append(deck.pop(0))
        yield from deck
        before = deck[-1]
