"""How commands speak: a result as text or as one JSON document, and a sign of life when it takes long."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Collection, Coroutine, Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Final, TypeVar

import typer

T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]
"""The option that every command has: ``as_json: AsJson = False``."""

WIDE: Final = 200
"""Columns for what goes into a file or a pipe: there is no terminal whose width it must fit."""

QUIET: Final = 1.0
"""Seconds after which a command that says nothing yet shows that it is at work."""


def show(document: Any, as_json: bool, text: Callable[[], object]) -> None:
    """Print ``document`` as one line of JSON, or whatever ``text`` prints or returns (text, or something rich renders)."""
    if as_json:
        print(json.dumps(document, default=str, ensure_ascii=False))
        return
    shown = text()
    if isinstance(shown, str):
        print(shown)
    elif shown is not None:
        from rich.console import Console

        Console(width=None if sys.stdout.isatty() else WIDE).print(shown)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, whole: Collection[str] = ()) -> object:
    """A plain table for `show`. Cells of the columns named in ``whole`` are never broken."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column, no_wrap=column in whole)
    for row in rows:
        made.add_row(*[Text(str(cell)) for cell in row])
    return made


@contextmanager
def progress(doing: str) -> Generator[None]:
    """While the body runs: after a second ``doing`` is shown on standard error, as an animation if that is a terminal."""
    done = threading.Event()

    def watch() -> None:
        if done.wait(QUIET):
            return
        if not sys.stderr.isatty():
            print(f"{doing} …", file=sys.stderr, flush=True)
            return
        from rich.console import Console

        with Console(stderr=True).status(doing):
            done.wait()

    watcher = threading.Thread(target=watch, name="progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def run(work: Coroutine[Any, Any, T], doing: str | None = None) -> T:
    """Run ``work`` on an event loop of its own, with `progress` if told what it is ``doing``. Ctrl-C exits with 130."""
    import asyncio

    try:
        if doing is None:
            return asyncio.run(work)
        with progress(doing):
            return asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
