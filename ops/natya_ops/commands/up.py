"""``natya up``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from natya_ops.up.reports import Ready


def register(app: typer.Typer) -> None:
    app.command()(up)


def up(
    app: Annotated[str, typer.Option(help="Python module that holds the actors.")] = "natya_actors",
    workers: Annotated[int, typer.Option(min=1, max=64, help="Number of worker processes.")] = 2,
    data: Annotated[Path, typer.Option(help="Folder for everything that is kept.")] = Path(".natya"),
    http_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the HTTP edge; 0: any free one.")] = 8080,
    nats_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of NATS; 0: any free one.")] = 4222,
    store_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the store; 0: any free one.")] = 27017,
    tour: Annotated[bool, typer.Option("--tour", help="Play a short tour when all is ready.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line: ready, restarted, …")] = False,
) -> None:
    """Run the whole platform on this machine: NATS, a store, workers and the HTTP edge.

    A process that dies is started again. SIGTERM or Ctrl-C ends everything in order, a second one at once.
    """
    import asyncio
    from functools import partial

    from natya_ops.up.platform import Options, run_until_signal
    from natya_ops.up.reports import Display, JsonLines, Terminal

    display: Display = JsonLines()
    if not as_json:
        from rich.console import Console

        display = Terminal(Console())
    options = Options(app, workers, data, http_port, nats_port, store_port)
    asyncio.run(run_until_signal(options, display, partial(_tour, as_json) if tour else None))


async def _tour(as_json: bool, ready: Ready) -> None:
    from rich.console import Console

    from natya_ops.tour import play

    await play(ready, Console(stderr=as_json, highlight=False))
