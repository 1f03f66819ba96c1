"""A run in a screenful of text."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from natya_ops.chaos.report.figures import at
from natya_ops.chaos.report.style import duration
from natya_ops.chaos.report.words import over, untold
from natya_ops.chaos.report.writing import Report

STYLES: Final = {True: "green", False: "bold red", None: "yellow"}
MARKS: Final = {True: "held", False: "violated", None: "undecided"}
EVIDENCE: Final = 3
"""Lines of evidence of each violation; the page has more."""


def show(report: Report, console: Console) -> None:
    """Print it."""
    story, figures, result = report.story, report.figures, report.result
    console.print(Text(story.verdict, STYLES[story.held]), Text(f" {story.sentence}"), sep="")
    console.print(Text(f"{story.numbers}\n", "dim"))
    checks = _table("", "check", "#looked at", "")
    for verdict in result.verdicts:
        checks.add_row(
            Text(MARKS[verdict.ok], STYLES[verdict.ok]), verdict.name, f"{verdict.checked:,}", Text(verdict.summary)
        )
        if not verdict.ok:
            for line in verdict.evidence[:EVIDENCE]:
                checks.add_row("", "", "", Text(line, "dim", overflow="ellipsis", no_wrap=True))
    if result.verdicts:
        console.print(checks)
    if figures.recoveries:
        recovery = _table(
            "recovery",
            "#strikes",
            "#alone",
            "#aim",
            "#p50",
            "#p99",
            "#max",
            "#max, mixed",
            "#never",
            "#slowest answer",
            "since",
        )
        for row in figures.recoveries:
            last = row.times[-1] if row.times else None
            recovery.add_row(
                row.fault, str(row.strikes), str(len(row.times)), duration(row.aim), _measured(at(row.times, 0.5), row.aim),
                _measured(at(row.times, 0.99), row.aim), _measured(last, row.aim),
                _measured(row.mixed[-1] if row.mixed else None, row.aim), str(row.never), duration(row.slowest), row.since,
            )  # fmt: skip
        console.print()
        console.print(recovery)
        if missing := untold(result):
            console.print(Text(missing, "dim"))
    for name, reason in sorted(result.skipped.items()):
        console.print(Text(f"not done: {name}, {reason}", "dim"))
    console.print(Text(f"\nReport: {report.folder / 'index.html'}"), soft_wrap=True)
    console.print(Text(f"Repeat: {result.options.command(result.plan.faults)}"), soft_wrap=True)


def _measured(seconds: float | None, aim: float | None) -> Text:
    return Text(f"{duration(seconds)} !", "yellow") if over(seconds, aim) else Text(duration(seconds))


def _table(*columns: str) -> Table:
    made = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column.lstrip("#"), justify="right" if column.startswith("#") else "left")
    return made
