"""What a run is to do."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from natya.errors import ConfigurationError
from natya_ops.chaos.faults import FAULTS

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(s|m|h)?")
_UNITS: Final = {None: 1.0, "s": 1.0, "m": 60.0, "h": 3_600.0}
LEAST_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Options:
    """``seconds`` is the time in which faults are begun. ``faults`` are those asked for; None: all that are usual and possible there.
    ``data`` is the folder of a running ``natya up`` to join; None: a platform of ``workers`` workers is started.

    ``clients`` begin ``rate`` operations a second all together, so few that two cores are not what is tested; ``patience`` is the time
    for one of them; ``warm_up`` and ``cool_down`` are seconds of load before the first fault and after the last heal; within ``settling``
    seconds after that everything accepted must be done. ``keep``: what the checks looked at and the platform's logs stay, also if all held.
    """

    seconds: float
    seed: int
    report: Path
    faults: tuple[str, ...] | None = None
    workers: int = 3
    data: Path | None = None
    keep: bool = False
    clients: int = 24
    rate: float = 200.0
    patience: float = 30.0
    warm_up: float = 4.0
    cool_down: float = 3.0
    settling: float = 90.0

    def command(self, faults: Sequence[str]) -> str:
        """The command line that does the same again, ``faults`` being those that were done."""
        words = [
            "natya",
            "chaos",
            "run",
            "--for",
            f"{self.seconds:g}s",
            *(["--faults", ",".join(faults)] if faults else []),
            "--seed",
            str(self.seed),
        ]
        words += ["--data", str(self.data)] if self.data is not None else ["--workers", str(self.workers)]
        return shlex.join(words)


def read_seconds(text: str) -> float:
    """The seconds that ``90``, ``60s``, ``2m`` or ``1h`` mean. Raises `ConfigurationError`."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ConfigurationError(f"{text!r} is no duration: write 90, 60s, 2m or 1h")
    seconds = float(found[1]) * _UNITS[found[2]]
    if seconds < LEAST_SECONDS:
        raise ConfigurationError(f"{text} is too short to say anything: give {LEAST_SECONDS:g}s at least")
    return seconds


def read_faults(text: str | None, known: Mapping[str, object] = FAULTS) -> tuple[str, ...] | None:
    """The faults that a comma-separated list names, sorted; None for none, which means all. Raises `ConfigurationError`."""
    if text is None:
        return None
    names = {name.strip() for name in text.split(",")}
    if "" in names:
        raise ConfigurationError(
            f"--faults {text!r} has an empty name: write kill,nats, or leave --faults out for all that are possible"
        )
    if unknown := sorted(names - known.keys()):
        raise ConfigurationError(f"{unknown[0]!r} is no fault: choose from {', '.join(known)}")
    return tuple(sorted(names))
