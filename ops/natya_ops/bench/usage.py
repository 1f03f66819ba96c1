"""What processes use: CPU time and memory, from ``/proc`` (proc(5))."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

TICKS: Final = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and of the children it has waited for, user and system, in steps of a hundredth of a second.

    Raises `OSError` if there is no such process.
    """
    fields = (
        Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    )  # the name in front may hold spaces and brackets
    return sum(map(int, fields[11:15])) / TICKS


def resident_bytes(pid: int) -> int:
    """Memory of a process that is in RAM. Raises `OSError` if there is no such process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(f"process {pid} has ended")


class Meter:
    """``with Meter({"worker": pid}) as meter: …``: afterwards ``seconds`` is the time that passed and ``cpu`` what each used."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self.seconds = 0.0
        self.cpu: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._before = {role: cpu_seconds(pid) for role, pid in self._pids.items()}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.cpu = {role: cpu_seconds(pid) - self._before[role] for role, pid in self._pids.items()}
            self.seconds = time.monotonic() - self._began

    @property
    def share(self) -> float:
        """CPU time of all together, as a part of one core."""
        return sum(self.cpu.values()) / self.seconds
