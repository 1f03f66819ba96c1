"""The charts, drawn on axes that are given: the run over time, and recovery by fault."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from natya_ops.chaos.report.figures import Figures
from natya_ops.chaos.report.style import (
    BAD,
    BROKEN,
    GRID,
    HEALING,
    INK,
    MAIN,
    MUTED,
    OK,
    PAPER,
    SECOND,
    SHADE,
    duration,
)  # fmt: skip
from natya_ops.chaos.run import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LANE: Final = 0.26
"""Inches that a fault's lane is high."""
LEAST_WIDTH: Final = 0.004
"""Part of the width at which a short fault is still seen."""
TICKS: Final = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
FEW: Final = 3
"""Fewer dots than this need no median."""
JITTER: Final = (0.0, 0.14, -0.14, 0.24, -0.24)


def lanes_height(result: Result) -> float:
    """Inches for `draw_lanes`."""
    return LANE * max(1, len(result.plan.faults))


def draw_lanes(axes: Axes, result: Result) -> None:
    """What was broken when: a lane for each fault, dark while it lasted, light until everybody answered again."""
    faults = result.plan.faults
    for row, fault in enumerate(faults):
        axes.axhline(row, color=GRID, linewidth=0.8, zorder=0)
        for begun, healed, recovered in spans(result, fault):
            if recovered > healed:
                axes.barh(row, recovered - healed, left=healed, height=0.5, color=HEALING, linewidth=0)
            width = max(healed - begun, LEAST_WIDTH * result.unloaded)
            axes.barh(row, width, left=begun, height=0.5, color=BROKEN, linewidth=0)
    axes.set_yticks(range(len(faults)), faults)
    axes.set_ylim(len(faults) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.tick_params(axis="x", length=0, labelbottom=False)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.set_xlim(0, result.unloaded)


def draw_throughput(axes: Axes, result: Result, figures: Figures) -> None:
    """Operations that ended in each second, by outcome, one upon the other."""
    moments = figures.moments
    edges = [moment.start for moment in moments] + [moments[-1].start + moments[-1].width]
    low = [0.0] * len(moments)
    shade(axes, result)
    for name, color, values in (
        ("ok", MAIN, [moment.ok for moment in moments]),
        ("refused by the actor", SECOND, [moment.refused for moment in moments]),
        ("failed or unknown", BAD, [moment.unanswered for moment in moments]),
    ):
        high = [base + value for base, value in zip(low, values, strict=True)]
        if any(values) or color == MAIN:
            axes.stairs(high, edges, baseline=low, fill=True, color=color, linewidth=0, label=name)
        low = high
    axes.set_ylim(0, max(low, default=0.0) * 1.08 or 1.0)
    axes.set_xlim(0, result.unloaded)
    axes.grid(axis="y")
    axes.tick_params(length=0, labelbottom=False)
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="y", nbins=4, integer=True)
    legend(axes)


def draw_latency(axes: Axes, result: Result, figures: Figures) -> None:
    """Latencies of what was answered in each second, on a logarithmic scale."""
    middle = [(moment.start + moment.width / 2, moment) for moment in figures.moments]
    shade(axes, result)
    for name, color, points in (
        ("p99", MAIN, [(x, moment.p99) for x, moment in middle]),
        ("p50", SECOND, [(x, moment.p50) for x, moment in middle]),
    ):
        axes.plot(
            [x for x, _ in points], [math.nan if y is None else y for _, y in points],
            color=color, label=name, marker="o", markersize=2.2, markeredgewidth=0,
        )  # fmt: skip
    values = [value for moment in figures.moments for value in (moment.p50, moment.p99) if value]
    log_axis(axes, "y", min(values, default=0.001), max(values, default=1.0))
    axes.set_xlim(0, result.unloaded)
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("seconds since the load began")
    legend(axes)


def draw_recovery(axes: Axes, result: Result, figures: Figures) -> None:
    """A row of dots for each fault: filled where it was alone, hollow where something else was broken, too."""
    rows = figures.recoveries
    values = [value for row in rows for value in (*row.times, *row.mixed, *([row.aim] if row.aim else []))]
    log_axis(axes, "x", min([*values, 0.1]), max([*values, 1.0]))
    for number, row in enumerate(rows):
        axes.axhline(number, color=GRID, linewidth=0.8, zorder=0)
        for values_of, face in ((row.times, BROKEN), (row.mixed, PAPER)):
            axes.scatter(
                values_of, [number + JITTER[i % len(JITTER)] for i in range(len(values_of))],
                s=34, facecolor=face, edgecolor=BROKEN if face == PAPER else PAPER, linewidth=1.0 if face == PAPER else 0.6,
                zorder=3,
            )  # fmt: skip
        if row.aim:
            axes.plot([row.aim], [number], marker="|", markersize=15, markeredgewidth=2.2, color=OK, zorder=2)
        if len(row.times) >= FEW:
            median = row.times[(len(row.times) - 1) // 2]
            axes.plot([median, median], [number - 0.32, number + 0.32], color=INK, linewidth=1.6, zorder=4)
    axes.set_yticks(range(len(rows)), [row.fault for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.tick_params(axis="x", length=0)
    axes.spines["left"].set_visible(False)


def log_axis(axes: Axes, which: str, low: float, high: float) -> None:
    """A logarithmic axis of seconds from ``low`` to ``high``, with a line at each power of ten."""
    from matplotlib.ticker import NullLocator

    low, high = low / 1.5, high * 1.5
    ticks = [tick for tick in TICKS if low <= tick <= high]
    getattr(axes, f"set_{which}scale")("log")
    getattr(axes, f"set_{which}lim")(low, high)
    getattr(axes, f"set_{which}ticks")(ticks, [duration(tick) if tick < 1 else f"{tick:.0f} s" for tick in ticks])
    getattr(axes, f"{which}axis").set_minor_locator(NullLocator())
    axes.grid(axis="x" if which == "x" else "y")


def spans(result: Result, fault: str = "") -> list[tuple[float, float, float]]:
    """When each strike began, was healed and recovered, within the time shown; of one fault, or of all."""
    shown = result.unloaded
    return [
        (s.begun, min(s.healed, shown), min(s.recovered, shown))
        for s in (seen.strike for seen in result.seen)
        if fault in ("", s.fault)
    ]


def shade(axes: Axes, result: Result) -> None:
    """Mark the times in which something was broken."""
    for begun, healed, recovered in spans(result):
        axes.axvspan(begun, max(healed, recovered), color=SHADE, linewidth=0, zorder=0)
    axes.axvline(result.loaded, color=MUTED, linewidth=0.8, linestyle=(0, (2, 3)), zorder=1)


def legend(axes: Axes) -> None:
    """Above the plot, at the right, where it hides nothing."""
    axes.legend(
        loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, borderaxespad=0.1, handlelength=1.1, columnspacing=1.4,
        labelcolor=MUTED,
    )  # fmt: skip
