"""What is wrong with a network: troubles, each of which ends on its own, and what they amount to in each direction."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Self


class Way(Enum):
    """A direction, seen from the client."""

    TO_SERVER = "to the server"
    TO_CLIENT = "to the client"


BOTH = frozenset(Way)


@dataclass(frozen=True, slots=True)
class Weather:
    """How one direction is now. Troubles add up: the delays as a sum, the rate as the least, a hole as soon as there is one.

    ``delay`` and ``jitter`` are seconds, ``jitter`` the most that chance adds; ``rate`` is bytes a second for each connection.
    """

    delay: float = 0.0
    jitter: float = 0.0
    rate: float = float("inf")
    hole: bool = False

    @property
    def fine(self) -> bool:
        """Whether bytes pass as they come."""
        return self == _FINE

    @classmethod
    def of(cls, troubles: Iterable[Weather]) -> Weather:
        """What all of them amount to."""
        all_of = tuple(troubles)
        return cls(
            delay=sum(one.delay for one in all_of),
            jitter=sum(one.jitter for one in all_of),
            rate=min((one.rate for one in all_of), default=float("inf")),
            hole=any(one.hole for one in all_of),
        )


_FINE = Weather()


class Trouble:
    """One thing that is wrong, until `heal` or the end of ``with trouble:``. Healing what is healed does nothing."""

    def __init__(
        self, weather: Weather, ways: frozenset[Way], *, refuses: bool = False, healed: Callable[[Trouble], None]
    ) -> None:
        self.weather = weather
        self.ways = ways
        self.refuses = refuses
        self._healed = healed

    def heal(self) -> None:
        """This is over; other troubles go on."""
        self._healed(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.heal()
