"""The results: as one JSON document, or as tables for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from natya_ops.bench.figures import Bound, Measurement, Spread
from natya_ops.bench.options import Options
from natya_ops.bench.profiling import Profile
from natya_ops.bench.work import as_json

PROFILED: Final = 20


@dataclass(slots=True)
class Report:
    """``failed`` tells why a measure could not be taken, by its name; ``kept`` is where the logs are then."""

    machine: dict[str, Any]
    options: Options
    measurements: list[Measurement] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    profile: Profile | None = None
    kept: str | None = None

    def document(self) -> dict[str, Any]:
        """Everything, JSON-able. `docs/benchmarks.md` tells the shape."""
        options = self.options
        return {
            "machine": as_json(self.machine),
            "options": {
                "seconds": options.seconds,
                "cycle": options.cycle,
                "pairs": options.pairs,
                "callers": options.callers,
                "keys": options.keys,
            },
            "measures": [_document(measurement) for measurement in self.measurements],
            "failed": self.failed,
            "kept": self.kept,
            "profile": as_json(self.profile),
        }

    def show(self, console: Console) -> None:
        """Print it for people."""
        machine = self.machine
        console.print(
            f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']:.0f} GiB; Python {machine['python']}, "
            f"{machine.get('nats', 'NATS')}; {machine.get('store', 'a store')}; {machine['file_system']}, "
            f"{machine['fsync_ms']:.2f} ms an fsync\n",
            highlight=False,
        )
        console.print(_figures(self.measurements))
        compared = [measurement for measurement in self.measurements if measurement.ratio]
        if compared:
            console.print(_costs(compared))
        for line in _remarks(self.measurements):
            console.print(line, style="dim", highlight=False)
        if self.profile:
            console.print(_functions(self.profile))
        for name, reason in self.failed.items():
            console.print(Text(f"{name} failed: {reason}", style="red"))
        if self.kept:
            console.print(f"Logs and data are kept in {self.kept}", highlight=False)


def _document(measurement: Measurement) -> dict[str, Any]:
    found: dict[str, Any] = as_json(measurement)
    found["budget"] = {"bound": measurement.budget.bound.value, "limit": measurement.budget.limit}
    return found | {"reached": measurement.reached}


def _table(title: str, *columns: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0), title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def _figures(measurements: list[Measurement]) -> Table:
    table = _table("", "measure", "figure", "baseline", "ratio", "budget", "reached")
    for each in measurements:
        sign = "≥" if each.budget.bound is Bound.AT_LEAST else "≤"
        table.add_row(
            each.title,
            f"{spread(each.figure)} {each.unit}",
            f"{spread(each.baseline)} {each.unit}" if each.baseline else "",
            spread(each.ratio) if each.ratio else "",
            f"{sign} {each.budget.limit:g}",
            Text("yes", style="green") if each.reached else Text("no", style="yellow"),
        )
    return table


def _costs(measurements: list[Measurement]) -> Table:
    table = _table(
        "\nCPU time of each process, in µs a request",
        "", "load", "edge", "echo", "bare", "worker", "nats", "store", "turns a batch", "appends/s", "ms an append", "p99 ms",
    )  # fmt: skip
    for each in measurements:
        for side, title in (("baseline", each.baseline_title), ("subject", each.title)):
            found = each.details[side]
            cpu = found["cpu_us_per_request"]
            table.add_row(
                each.measure if side == "subject" else Text(title, style="dim"),
                *(number(cpu.get(role)) for role in ("load", "edge", "echo", "bare", "worker", "nats", "store")),
                *(number(found.get(name)) for name in ("turns_per_batch", "appends_per_second", "append_ms", "p99_ms")),
            )
    return table


def _remarks(measurements: list[Measurement]) -> Iterator[str]:
    for each in measurements:
        if not each.ratio:
            told = ", ".join(f"{name.replace('_', ' ')} {_told(value)}" for name, value in each.details.items())
            yield f"{each.title}: {told}"
            continue
        if unsettled := each.details.get("slices_begun_unsettled"):
            yield f"{each.title}: {unsettled} slices began while the machine was still busy; repeat on a quiet one"
        for side in ("baseline", "subject"):
            if failed := each.details[side]["failed"]:
                yield f"{each.title}: {failed} requests of the {side} failed; the first: {each.details[side]['failure']}"


def _told(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name} {number(each)}" for name, each in value.items())
    return number(value) if isinstance(value, float) else str(value)


def _functions(profile: Profile) -> Table:
    table = _table(f"\nWhere the worker's time goes, by {profile.tool}", "function", "itself %", "with calls %")
    for function in profile.functions[:PROFILED]:
        table.add_row(Text(function.name), f"{function.self_percent:.1f}", f"{function.total_percent:.1f}")
    return table


def spread(value: Spread) -> str:
    """A median with what lies around it."""
    if value.low == value.high:
        return number(value.median)
    return f"{number(value.median)} ({number(value.low)}–{number(value.high)})"


def number(value: float | None) -> str:
    """Three digits are what a figure is worth."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
