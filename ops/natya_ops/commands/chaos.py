"""``natya chaos``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from natya_ops.commands.output import AsJson, run, show, table

if TYPE_CHECKING:
    from natya_ops.chaos.options import Options
    from natya_ops.chaos.report import Report

WIDTH = 140
"""Columns of the summary where it does not go to a terminal."""
COULD_NOT_RUN = 2
CTRL_C = 130
SIGTERM = 143


def register(app: typer.Typer) -> None:
    chaos = typer.Typer(help="Break a platform on purpose, under load, and check what it promised.", no_args_is_help=True)
    chaos.command(name="run")(run_chaos)
    chaos.command()(faults)
    app.add_typer(chaos, name="chaos")


def run_chaos(
    duration: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="How long faults are begun: 90, 60s, 2m.")
    ] = "60s",
    chosen: Annotated[
        str | None,
        typer.Option(
            "--faults", help="Faults, comma-separated: see natya chaos faults.", show_default="all that are possible"
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="What is broken when follows from it.", show_default="a new one")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Where the report is written.", show_default="chaos-SEED"),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=16, help="How many workers are started.")] = 3,
    data: Annotated[
        Path | None,
        typer.Option(
            file_okay=False, help="Join the natya up that runs on this data folder instead of starting a platform."
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep logs, data, operations and journals also if everything held.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Load a platform, break it again and again, heal it, and check that it kept its promises.

    The exit code is the verdict: 0 everything held, 1 something was violated or too little happened to say, 2 it could not run,
    130 or 143 it was ended by Ctrl-C or SIGTERM.
    """
    import secrets

    from natya.errors import ConfigurationError, NatyaError

    drawn = secrets.randbelow(1_000_000) if seed is None else seed
    try:
        made = _carry_out(_options(duration, chosen, drawn, report, workers, data, keep))
    except (ConfigurationError, NatyaError, OSError) as error:
        print(f"natya: {error or type(error).__name__}", file=sys.stderr)
        raise typer.Exit(COULD_NOT_RUN) from None
    show(made.document() if as_json else None, as_json, lambda: _print(made))
    if not made.result.held:
        raise typer.Exit(1)


def faults(
    data: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="For the natya up on this folder.", show_default="a platform of its own"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the faults, and whether each of them is possible here."""
    from natya_ops.chaos.available import available

    found = run(available(data), "Looking at what is possible")
    rows = [
        (each["name"], "" if each["usual"] else "only if asked for", each["summary"], each["problem"] or "yes")
        for each in found
    ]
    columns = ("fault", "", "what is done", "possible here")
    show({"faults": found}, as_json, lambda: table(columns, rows, whole=columns[:1]))


def _options(
    duration: str, chosen: str | None, seed: int, report: Path | None, workers: int, data: Path | None, keep: bool
) -> Options:
    from natya_ops.chaos.options import Options, read_faults, read_seconds

    return Options(read_seconds(duration), seed, report or Path(f"chaos-{seed}"), read_faults(chosen), workers, data, keep)


def _carry_out(options: Options) -> Report:
    import asyncio

    from natya_ops.chaos.ending import Terminated, until_terminated
    from natya_ops.chaos.progress import open_display
    from natya_ops.chaos.report import check_can_draw, write
    from natya_ops.chaos.run import check
    from natya_ops.chaos.run import run as run_all

    check(options)
    check_can_draw(options.report)
    display = open_display()
    try:
        result = asyncio.run(until_terminated(run_all(options, display)))
        display.phase("writing the report")
        return write(result)
    except KeyboardInterrupt:
        display.close()
        raise _ended(options, "Ctrl-C", CTRL_C) from None
    except Terminated:
        display.close()
        raise _ended(options, "SIGTERM", SIGTERM) from None
    finally:
        display.close()


def _ended(options: Options, by: str, code: int) -> typer.Exit:
    from natya_ops.chaos.kept import PLATFORM

    data = options.data or options.report / PLATFORM
    logs = f"; logs are in {data / 'logs'}" if (data / "logs").is_dir() else ""
    print(f"natya: ended by {by}, no verdict{logs}", file=sys.stderr)
    return typer.Exit(code)


def _print(report: Report) -> None:
    from rich.console import Console

    from natya_ops.chaos.report import show as summarise

    console = Console(highlight=False)
    summarise(report, console if console.is_terminal else Console(width=WIDTH, highlight=False))
