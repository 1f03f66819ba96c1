"""``natya bench``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from natya_ops.commands.output import AsJson, run, show

WIDTH = 140
"""Columns of the tables where they do not go to a terminal."""


def register(app: typer.Typer) -> None:
    app.command()(bench)


def bench(
    only: Annotated[
        str,
        typer.Option(
            help="Measures, comma-separated: asks, asks-with-ids, one-caller, hottest, queries, edge, edge-bare, "
            "edge-one-caller, edge-overload, memory, recovery, failover, handover, idle."
        ),
    ] = "",
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Length of one slice of load. [default: 2]")] = None,
    pairs: Annotated[int | None, typer.Option(min=1, help="How often baseline and subject alternate. [default: 5]")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only see that it works: figures of such short slices say little.")
    ] = False,
    profile: Annotated[
        bool, typer.Option("--profile", help="Then profile the worker: py-spy if installed, else cProfile.")
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            writable=True,
            help="Where temporary data goes, so which disk is measured. [default: the system's]",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure what durability costs on this machine, side by side with a raw NATS echo.

    Starts everything it needs at free ports and takes some minutes: keep the machine quiet meanwhile. The exit code is 0
    whatever the figures are, and 1 if a measure could not be taken.
    """
    from natya_ops.bench.options import choose, measures
    from natya_ops.bench.progress import shown
    from natya_ops.bench.run import run as measure

    options = choose(measures(only), quick=quick, seconds=seconds, pairs=pairs, profile=profile, folder=folder)
    with shown() as say:
        report = run(measure(options, say))

    def print_tables() -> None:
        from rich.console import Console

        console = Console()
        report.show(console if console.is_terminal else Console(width=WIDTH))

    show(report.document() if as_json else None, as_json, print_tables)
    if report.failed:
        raise typer.Exit(1)
