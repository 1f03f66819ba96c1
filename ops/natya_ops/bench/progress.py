"""What a long run is doing now, on standard error: one line that changes on a terminal, else a line for each step."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

Say = Callable[[str], None]
"""Told what is being done, in a few words."""


@contextmanager
def shown() -> Generator[Say]:
    """Gives what is to be told of each step. The terminal is redrawn seldom, for that takes CPU time too."""
    if not sys.stderr.isatty():
        yield lambda text: print(f"{text} …", file=sys.stderr, flush=True)
        return
    from rich.console import Console

    with Console(stderr=True).status("", refresh_per_second=1.0) as status:
        yield status.update
