"""The charts put together: as SVG to stand in the page, and as one PNG that says it all."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from natya_ops.chaos.report.charts import draw_lanes, draw_latency, draw_recovery, draw_throughput, lanes_height
from natya_ops.chaos.report.figures import Figures
from natya_ops.chaos.report.style import BAD, FONT, INK, MUTED, OK, VARIABLES, WARN, drawing
from natya_ops.chaos.report.words import Story
from natya_ops.chaos.run import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH: Final = 10.0
LEFT: Final = 0.95
"""Inches for the labels on the left."""
RIGHT: Final = 0.05
MARGIN: Final = 0.3
"""Inches around the PNG; the page has margins of its own."""
PLOT: Final = 1.75
ROW: Final = 0.42
"""Inches of a row of the recovery chart."""
DPI: Final = 200


def timeline_svg(result: Result, figures: Figures) -> str:
    """Lanes, throughput and latency over one time axis."""
    from matplotlib.figure import Figure

    with drawing():
        heights = [lanes_height(result), PLOT, PLOT]
        figure = Figure(figsize=(WIDTH, sum(heights) + 1.65))
        _timeline(_stacked(figure, heights, top=0.3), result, figures)
        return _svg(figure, "What was broken when, operations a second, and latency, over time")


def recovery_svg(result: Result, figures: Figures) -> str:
    """Recovery by fault."""
    from matplotlib.figure import Figure

    with drawing():
        height = ROW * max(1, len(figures.recoveries))
        figure = Figure(figsize=(WIDTH, height + 0.4))
        (axes,) = _stacked(figure, [height], top=0.1)
        draw_recovery(axes, result, figures)
        return _svg(figure, "Time to recover, one dot for each strike, by fault")


def poster(result: Result, figures: Figures, story: Story, file: Path) -> None:
    """The verdict, what happened, and how it recovered, as a PNG."""
    from matplotlib.figure import Figure

    with drawing():
        rows = max(1, len(figures.recoveries))
        heights = [lanes_height(result), PLOT, PLOT, ROW * rows]
        head, foot = 1.85, 0.55 + 0.24 * len(result.verdicts) + MARGIN
        figure = Figure(figsize=(WIDTH + 2 * MARGIN, head + sum(heights) + 2.3 + foot), dpi=DPI)
        *over_time, recovery = _stacked(figure, heights, top=head, margin=MARGIN)
        _timeline(over_time, result, figures)
        draw_recovery(recovery, result, figures)
        _title(recovery, "Time to recover")
        _head(figure, story)
        _checks(figure, result, foot)
        figure.savefig(file, metadata={"Software": None})


def _timeline(rows: list[Axes], result: Result, figures: Figures) -> None:
    lanes, throughput, latency = rows
    draw_lanes(lanes, result)
    draw_throughput(throughput, result, figures)
    draw_latency(latency, result, figures)
    for axes, title in ((lanes, "Faults"), (throughput, "Operations a second"), (latency, "Latency")):
        _title(axes, title)


def _stacked(figure: Figure, heights: list[float], *, top: float, margin: float = 0.0) -> list[Axes]:
    """Axes of these heights below each other, ``top`` inches from the upper edge."""
    width, height = figure.get_size_inches()
    rows, y = [], height - top
    for number, each in enumerate(heights):
        y -= each
        left, wide = margin + LEFT, width - 2 * margin - LEFT - RIGHT
        rows.append(figure.add_axes((left / width, y / height, wide / width, each / height)))
        y -= 0.42 if number != 2 else 0.85  # below the time axis there are its numbers and its name
    return rows


def _title(axes: Axes, text: str) -> None:
    """Above the axes, flush with their labels: no label ever meets it."""
    axes.annotate(
        text, (0, 1), (-LEFT * 72, 7), xycoords="axes fraction", textcoords="offset points", ha="left", va="bottom",
        color=INK, fontsize=FONT + 1, fontweight="bold", annotation_clip=False,
    )  # fmt: skip


def _head(figure: Figure, story: Story) -> None:
    color = {True: OK, False: BAD, None: WARN}[story.held]
    for text, below, size, weight, ink in (
        (story.verdict, 0.68, 22, "bold", color),
        (story.sentence, 1.0, 10, "normal", INK),
        (story.numbers, 1.24, 9, "normal", MUTED),
    ):
        figure.text(
            MARGIN / figure.get_figwidth(),
            1 - below / figure.get_figheight(),
            text,
            fontsize=size,
            fontweight=weight,
            color=ink,
        )


def _checks(figure: Figure, result: Result, height: float) -> None:
    width, total = figure.get_size_inches()
    figure.text(MARGIN / width, (height - 0.2) / total, "Checks", fontsize=FONT + 1, fontweight="bold", color=INK)
    for number, verdict in enumerate(result.verdicts):
        y = (height - 0.47 - 0.24 * number) / total
        mark, color = {True: ("held", OK), False: ("violated", BAD), None: ("undecided", WARN)}[verdict.ok]
        figure.text(MARGIN / width, y, mark, color=color, fontweight="bold")
        figure.text((MARGIN + 0.85) / width, y, verdict.name, color=INK)
        figure.text((MARGIN + 2.1) / width, y, verdict.summary, color=MUTED)


def _svg(figure: Figure, label: str) -> str:
    """The figure as SVG to be put into a page: text stays text, and colours are variables of the page's style."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r' (?:width|height)="[\d.]+pt"', "", svg, count=2)
    for name, color in VARIABLES.items():
        svg = svg.replace(color, f"var(--{name})")
    return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
