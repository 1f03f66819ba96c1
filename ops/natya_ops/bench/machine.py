"""Where the figures were taken: they mean nothing without it."""

from __future__ import annotations

import os
import platform
import statistics
import time
from pathlib import Path
from typing import Any

from natya.version import VERSION

SYNCS = 30


def describe(folder: Path) -> dict[str, Any]:
    """The machine, and the file system that ``folder`` is on: what one fsync costs there bounds every commit."""
    return {
        "natya": VERSION,
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "file_system": _file_system(folder),
        "fsync_ms": fsync_seconds(folder) * 1_000,
        "load_before": os.getloadavg()[0],
    }


def fsync_seconds(folder: Path) -> float:
    """The median time of writing 4 KiB to the end of a file and syncing it."""
    file = folder / "fsync"
    took = []
    with file.open("wb", buffering=0) as target:
        for _ in range(SYNCS):
            began = time.perf_counter()
            target.write(bytes(4096))
            os.fsync(target.fileno())
            took.append(time.perf_counter() - began)
    file.unlink()
    return statistics.median(took)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _file_system(folder: Path) -> str:
    """The type of the mount that holds ``folder``: with ``tmpfs`` an fsync costs nothing, and figures say little."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "unknown"
    holds = [(point, kind) for point, kind in mounts if folder.resolve().is_relative_to(point)]
    return max(holds, key=lambda mount: len(mount[0]))[1] if holds else "unknown"
