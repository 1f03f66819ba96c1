"""The measures under load: the echo and the subject in turns, A B A B …, each slice begun when no snapshot is left to be
written and the bed has settled.

The baseline is always the same request to the raw echo, from the same load generator, over the same server, so the ratios can be
compared with each other. Only for the hottest key it is the asks over all keys.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from natya_ops.bench import metrics
from natya_ops.bench.bed import ASK, DEPOSIT, ECHO, Bed
from natya_ops.bench.figures import Bound, Budget, Measurement, compared
from natya_ops.bench.options import Measure, Options
from natya_ops.bench.progress import Say
from natya_ops.bench.work import Done, Work


@dataclass(frozen=True, slots=True)
class Contest:
    """A measure of this kind. ``latency``: the figure is the median latency in milliseconds, else successes per second."""

    measure: Measure
    title: str
    budget: Budget
    baseline: Work
    subject: Work
    baseline_title: str = "raw echo"
    latency: bool = False

    @property
    def unit(self) -> str:
        return "ms" if self.latency else "/s"

    def figure(self, done: Done) -> float:
        return done.latencies["p50"] * 1_000 if self.latency else done.rate


def contests(options: Options) -> list[Contest]:
    """All measures of this kind."""
    keys = key_names(options.keys)
    echo = Work(ECHO, keys, DEPOSIT, options.callers, options.seconds)
    asks = replace(echo, subject=ASK + "deposit", seconds=max(options.seconds, options.cycle))
    at_least = {limit: Budget(Bound.AT_LEAST, limit) for limit in (0.5, 0.8, 1.0)}
    few = f"{options.callers} callers, {options.keys:,} keys"
    return [
        Contest(Measure.ASKS, f"durable asks, {few}", at_least[0.5], echo, asks),
        Contest(Measure.ASKS_WITH_IDS, "the same, with ids", at_least[0.5], echo, replace(asks, ids=True)),
        Contest(
            Measure.ONE_CALLER, "durable ask, one caller, median", Budget(Bound.AT_MOST, 3.0),
            replace(echo, callers=1), replace(asks, callers=1, seconds=options.seconds), latency=True,
        ),
        Contest(
            Measure.HOTTEST, f"durable asks, {options.callers} callers, one key", at_least[1.0],
            asks, replace(asks, keys=keys[:1]), baseline_title="all keys",
        ),
        Contest(
            Measure.QUERIES, f"queries, {few}", at_least[0.8], echo, replace(echo, subject=ASK + "balance", body="")
        ),
    ]  # fmt: skip


def key_names(count: int, prefix: str = "k") -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


async def warm_up(bed: Bed, options: Options) -> None:
    """Bring all actors into memory, and both sides up to speed."""
    asks = next(contest for contest in contests(options) if contest.measure is Measure.ASKS)
    await bed.run(replace(asks.subject, requests=options.keys))
    await bed.run(asks.baseline)
    await bed.run(asks.subject)


async def contend(bed: Bed, contest: Contest, options: Options, say: Say) -> Measurement:
    """Take one measure. Raises `BenchError`."""
    pairs, unsettled = [], 0
    sides = {"baseline": _Side(contest.baseline), "subject": _Side(contest.subject)}
    for number in range(1, options.pairs + 1):
        figures = []
        for name, side in sides.items():
            settled = await bed.written(say) and await bed.settle()
            unsettled += not settled
            say(f"{contest.title}: {name} {number} of {options.pairs}")
            figures.append(contest.figure(await side.slice(bed)))
        pairs.append((figures[0], figures[1]))
    details: dict[str, Any] = {name: side.details() for name, side in sides.items()}
    if unsettled:
        details["slices_begun_unsettled"] = unsettled
    return compared(
        contest.measure, contest.title, contest.unit, pairs, contest.budget,
        baseline_title=contest.baseline_title, details=details,
    )  # fmt: skip


class _Side:
    """The slices of one side, added up."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._slices: list[Done] = []
        self._cpu: dict[str, float] = {}
        self._appended = dict.fromkeys((metrics.COMMITS, metrics.TURNS, metrics.APPEND_SECONDS), 0.0)

    async def slice(self, bed: Bed) -> Done:
        before = await bed.metrics()
        with bed.meter() as meter:
            done = await bed.run(self._work)
        after = await bed.metrics()
        for name in self._appended:
            self._appended[name] += after[name] - before[name]
        for role, used in meter.cpu.items():
            self._cpu[role] = self._cpu.get(role, 0.0) + used
        self._slices.append(done)
        return done

    def details(self) -> dict[str, Any]:
        """CPU time by process, and what the worker appended."""
        requests = sum(done.succeeded for done in self._slices)
        seconds = sum(done.seconds for done in self._slices)
        found: dict[str, Any] = {
            "requests": requests,
            "failed": sum(done.failed for done in self._slices),
            "failure": next((done.failure for done in self._slices if done.failure), ""),
            "p99_ms": max(done.latencies["p99"] for done in self._slices) * 1_000,
            "cpu_us_per_request": {role: used / requests * 1e6 for role, used in sorted(self._cpu.items())},
        }
        commits, turns, waited = self._appended.values()
        if turns:
            found["turns_per_batch"] = turns / commits
            found["appends_per_second"] = commits / seconds
            found["append_ms"] = waited / commits * 1_000
        return found
