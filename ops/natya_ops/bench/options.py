"""What a run of the benchmark measures, and how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from natya.errors import ConfigurationError


class Measure(StrEnum):
    """The measures, in the order in which they are run and shown."""

    ASKS = "asks"
    ASKS_WITH_IDS = "asks-with-ids"
    ONE_CALLER = "one-caller"
    HOTTEST = "hottest"
    QUERIES = "queries"
    EDGE = "edge"
    EDGE_BARE = "edge-bare"
    EDGE_ONE = "edge-one-caller"
    EDGE_OVERLOAD = "edge-overload"
    MEMORY = "memory"
    RECOVERY = "recovery"
    FAILOVER = "failover"
    HANDOVER = "handover"
    IDLE = "idle"


def measures(names: str) -> tuple[Measure, ...]:
    """The measures that a comma-separated list names, all for an empty one. Raises `ConfigurationError`."""
    given = [name.strip() for name in names.split(",") if name.strip()]
    known = {measure.value: measure for measure in Measure}
    if unknown := [name for name in given if name not in known]:
        raise ConfigurationError(f"{unknown[0]!r} is no measure: choose from {', '.join(known)}")
    return tuple(measure for measure in Measure if not given or measure.value in given)


@dataclass(frozen=True, slots=True)
class Options:
    """``seconds`` is the length of one slice of load and ``pairs`` how often baseline and subject alternate. Slices of many deposits
    last ``cycle`` at least: a bulk of snapshots, and the longest pause between two of them under load (see `Settings`), so that each has
    its full share of the writing. ``folder`` is where the temporary data goes, None for the system's usual place."""

    only: tuple[Measure, ...] = tuple(Measure)
    seconds: float = 2.0
    cycle: float = 5.5
    pairs: int = 5
    callers: int = 256
    keys: int = 1_000
    actors: int = 50_000
    turns: int = 100_000
    kills: int = 100
    idle_seconds: float = 20.0
    profile: bool = False
    folder: Path | None = None


USUAL: Final = Options()
QUICK: Final = Options(seconds=0.3, cycle=0.0, pairs=1, keys=100, actors=1_000, turns=2_000, kills=3, idle_seconds=1.0)


def choose(
    only: Sequence[Measure],
    *,
    quick: bool,
    seconds: float | None = None,
    pairs: int | None = None,
    profile: bool = False,
    folder: Path | None = None,
) -> Options:
    """The usual ones, or with ``quick`` just enough to see that everything works; what is given counts in both."""
    base = QUICK if quick else USUAL
    return replace(
        base,
        only=tuple(only),
        seconds=base.seconds if seconds is None else seconds,
        pairs=base.pairs if pairs is None else pairs,
        profile=profile,
        folder=folder,
    )
