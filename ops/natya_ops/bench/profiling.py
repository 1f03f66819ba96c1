"""Where a worker's time goes under load, function by function.

With py-spy (from PyPI) the worker is sampled from outside, which hardly disturbs it. Where that is missing or not allowed, a second
worker runs under cProfile, which makes every call slower, short functions most of all: read its order, not its times.
"""

from __future__ import annotations

import asyncio
import pstats
import shutil
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from natya_ops.bench.bed import Bed
from natya_ops.bench.options import Options
from natya_ops.bench.progress import Say
from natya_ops.bench.throughput import contests, warm_up
from natya_ops.bench.work import Work
from natya_ops.servers.process import Process

SHOWN: Final = 30
LEAST_SECONDS: Final = 5.0
MAIN_THREAD: Final = ": MainThread"


@dataclass(frozen=True, slots=True)
class Function:
    """``self_percent`` of the time was spent in the function itself, ``total_percent`` in it and what it called."""

    name: str
    self_percent: float
    total_percent: float


@dataclass(frozen=True, slots=True)
class Profile:
    """The functions that took most time themselves, by ``tool``."""

    tool: str
    functions: list[Function]


async def profile(bed: Bed, folder: Path, options: Options, say: Say) -> Profile:
    """Profile durable asks. Raises `BenchError`, `ConfigurationError`, `OSError`."""
    work = replace(contests(options)[0].subject, seconds=max(options.seconds, LEAST_SECONDS))
    if sampler := _py_spy():
        async with bed.worker("sampled") as worker:
            await warm_up(bed, options)
            say("sampling the worker with py-spy")
            if found := await _sampled(bed, sampler, worker.pid, folder / "samples", work):
                return found
    say("running a worker under cProfile")
    file = folder / "profile"
    async with bed.worker("profiled", program=(sys.executable, "-m", "natya_ops.bench.profiled", str(file))):
        await warm_up(bed, options)
        await bed.run(work)
    return from_cprofile(file)


def _py_spy() -> str | None:
    beside = Path(sys.executable).parent / "py-spy"
    return str(beside) if beside.is_file() else shutil.which("py-spy")


async def _sampled(bed: Bed, sampler: str, pid: int, file: Path, work: Work) -> Profile | None:
    """None if py-spy may not look into the process."""
    seconds = max(1, int(work.seconds))
    command = [
        sampler, "record", "--pid", str(pid), "--duration", str(seconds), "--rate", "200", "--format", "raw", "--function", "--threads",
        "--output", str(file),
    ]  # fmt: skip
    process = await Process.spawn(command, log=file.with_suffix(".log"))
    try:
        await bed.run(work)
        async with asyncio.timeout(30):
            if await process.wait() != 0:
                return None
    finally:
        await process.stop(0)
    return from_samples(file)


def from_samples(file: Path) -> Profile:
    """From stacks as py-spy writes them, one a line: the thread, then frames from the outermost, separated by ``;``, then a space and
    the number of samples. Only the thread of the event loop counts; what is in no Python function is in ``Runner.run``.
    """
    own: Counter[str] = Counter()
    within: Counter[str] = Counter()
    total = 0
    for line in file.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        thread, *frames = stack.split(";")
        if not thread.endswith(MAIN_THREAD) or not frames:
            continue
        total += int(count)
        own[frames[-1]] += int(count)
        for frame in set(frames):
            within[frame] += int(count)
    return Profile(
        "py-spy",
        [Function(name, count / total * 100, within[name] / total * 100) for name, count in own.most_common(SHOWN)],
    )


def from_cprofile(file: Path) -> Profile:
    """From what cProfile has written. Waiting for events counts as time of the loop."""
    # file, line and name -> primitive calls, calls, own time, time with calls, callers
    entries: dict[tuple[str, int, str], tuple[int, int, float, float, object]] = vars(pstats.Stats(str(file)))["stats"]
    total = sum(own for _, _, own, _, _ in entries.values()) or 1.0
    found = sorted(entries.items(), key=lambda item: item[1][2], reverse=True)[:SHOWN]
    return Profile(
        "cProfile",
        [
            Function(f"{name} ({Path(source).name}:{line})", own / total * 100, cumulative / total * 100)
            for (source, line, name), (_, _, own, cumulative, _) in found
        ],
    )
