"""What a run is doing now, on standard error: a panel that changes on a terminal, else plain lines."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

EVERY: Final = 0.5
LINE_EVERY: Final = 5.0
"""Seconds between two plain lines."""
BAR: Final = 40


@dataclass(frozen=True, slots=True)
class Now:
    """The run at one moment. ``elapsed`` of ``seconds`` are those since the load began; ``answered`` and ``unanswered`` count the
    operations that have ended, ``waiting`` those that have not; ``repeated`` the attempts that had to be made again; ``broken`` what is
    broken now, of ``strikes`` so far and ``planned`` in all."""

    elapsed: float
    seconds: float
    answered: int
    unanswered: int
    waiting: int
    repeated: int
    broken: tuple[str, ...]
    strikes: int
    planned: int


class Display(Protocol):
    """Who is told what a run does."""

    def phase(self, text: str) -> None:
        """What is being done from now on, in a few words."""

    def show(self, now: Now) -> None:
        """How the load is."""

    def close(self) -> None:
        """Nothing more will be told."""


class Lines:
    """For files, pipes and continuous integration."""

    def __init__(self) -> None:
        self._last = 0.0
        self._broken: tuple[str, ...] = ()
        self._phase = ""
        self._rate = Rate()

    def phase(self, text: str) -> None:
        if text != self._phase:
            self._phase = text
            print(f"{text} …", file=sys.stderr, flush=True)

    def show(self, now: Now) -> None:
        per_second = self._rate.of(now.answered)
        if now.broken == self._broken and time.monotonic() - self._last < LINE_EVERY:
            return
        self._last, self._broken = time.monotonic(), now.broken
        print(f"{summary(now, per_second)}; broken now: {', '.join(now.broken) or 'nothing'} …", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Lines need no end."""


class Panel:
    """For people."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._text = ""
        self._rate = Rate()

    def phase(self, text: str) -> None:
        self._text = text
        self._draw(f"[bold]{text}[/] …")

    def show(self, now: Now) -> None:
        from rich.console import Group
        from rich.markup import escape

        done = min(BAR, int(BAR * now.elapsed / now.seconds)) if now.seconds else 0
        bar = f"[cyan]{'━' * done}[/][dim]{'━' * (BAR - done)}[/]"
        broken = ", ".join(now.broken)
        state = f"[bold red]✗ broken now: {escape(broken)}[/]" if broken else "[green]✓ broken now: nothing[/]"
        strikes = f"{now.strikes} of {now.planned} strikes"
        self._draw(
            Group(f"[bold]{self._text}[/]  {bar}  {strikes}", f"  {summary(now, self._rate.of(now.answered))}", f"  {state}")
        )

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _draw(self, shown: RenderableType) -> None:
        from rich.live import Live

        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(shown, refresh=True)


class Rate:
    """Answers a second, from one look to the next."""

    def __init__(self) -> None:
        self._before: tuple[float, int] | None = None
        self._rate = 0.0

    def of(self, answered: int) -> float:
        """The rate since the last look."""
        now = time.monotonic()
        if self._before is not None and now > self._before[0]:
            self._rate = (answered - self._before[1]) / (now - self._before[0])
        self._before = (now, answered)
        return self._rate


def summary(now: Now, per_second: float) -> str:
    """The numbers, in one line."""
    return (
        f"{now.elapsed:5.1f} s of {now.seconds:.0f}: {now.answered:,} answered, {per_second:,.0f}/s, {now.waiting} waiting, "
        f"{now.repeated:,} attempts repeated, {now.unanswered} unanswered"
    )


@asynccontextmanager
async def kept_shown(display: Display, look: Callable[[], Now]) -> AsyncIterator[None]:
    """Show what ``look`` finds, twice a second, while the body runs."""

    async def keep() -> None:
        while True:
            display.show(look())
            await asyncio.sleep(EVERY)

    task = asyncio.create_task(keep(), name="progress")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def open_display() -> Display:
    """The display that suits standard error."""
    if not sys.stderr.isatty():
        return Lines()
    from rich.console import Console

    return Panel(Console(stderr=True))
