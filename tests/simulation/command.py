"""The command line: seeds shared out to processes, progress, and how to see again what failed."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from simulation.report import Summary
from simulation.run import run

SHOWN = 10
"""Failed seeds of which the violations are printed; the others are only named."""
LEAST_ASKS_A_SEED = 10
"""Fewer acknowledged asks than this on the average would not mean anything."""


def main(arguments: Sequence[str]) -> int:
    """0 if nothing was violated, 1 if something was or too little happened to tell."""
    options = _parser().parse_args(arguments)
    if options.replay is not None:
        return _replay(options.replay)
    seeds = range(options.start, options.start + options.seeds)
    began = time.monotonic()
    failed: list[Summary] = []
    total: Counter[str] = Counter()
    virtual = cpu = 0.0
    told = began
    for number, summary in enumerate(_run_all(seeds, options.jobs), 1):
        total.update(summary.happened)
        virtual += summary.virtual
        cpu += summary.seconds
        if summary.violations:
            failed.append(summary)
            _tell_failure(summary, shown=len(failed) <= SHOWN)
        now = time.monotonic()
        if now - told > 5 or number == len(seeds):
            told = now
            _say(f"{number} of {len(seeds)} seeds, {len(failed)} failed, {now - began:.0f} s")
    for what, times in sorted(total.items()):
        print(f"{times:9d} {what}")
    enough = total["ask ok"] >= LEAST_ASKS_A_SEED * len(seeds)
    print(
        f"{len(seeds)} seeds from {options.start}: {len(failed)} failed{'' if enough else ', and too little happened'}; "
        f"{virtual:.0f} virtual seconds in {cpu:.0f} s of CPU, {time.monotonic() - began:.0f} s in all"
    )
    if failed:
        print("failed:", " ".join(str(summary.seed) for summary in sorted(failed, key=lambda each: each.seed)))
    return 0 if enough and not failed else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulation", description="Run the platform under seeds, and check what clients saw."
    )
    parser.add_argument("--seeds", type=int, default=1_000, metavar="N", help="how many (default 1000)")
    parser.add_argument("--from", dest="start", type=int, default=1, metavar="S", help="the first one (default 1)")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes (default 2)")
    parser.add_argument("--replay", type=int, metavar="SEED", help="run one seed and print everything that happens")
    return parser


def _run_all(seeds: range, jobs: int) -> Iterator[Summary]:
    if jobs == 1:
        yield from map(_run_one, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=20) as pool:
        yield from pool.imap_unordered(_run_one, seeds, chunksize=10)


def _run_one(seed: int) -> Summary:
    return Summary.of(run(seed))


def _replay(seed: int) -> int:
    report = run(seed)
    for line in report.lines():
        print(line)
    return 1 if report.violations else 0


def _tell_failure(summary: Summary, *, shown: bool) -> None:
    if shown:
        _say(
            f"seed {summary.seed} FAILED (trace {summary.digest}); to see it again: python -m simulation --replay {summary.seed}"
        )
        for violation in summary.violations[:5]:
            _say(f"    {violation[:1000]}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
