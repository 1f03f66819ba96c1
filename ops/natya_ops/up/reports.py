"""What ``natya up`` tells: JSON lines for programs, or lines for people."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

from natya_ops.dev_client import DevClient
from natya_ops.servers.base import Child
from natya_ops.up.supervision import Reports

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status


class Pids(TypedDict):
    """Process ids by role."""

    nats: int
    store: int
    edge: list[int]
    workers: list[int]


class Ready(TypedDict):
    """The line that says that everything is ready."""

    event: str
    http: str
    nats: str
    store: str
    data: str
    token: str
    pids: Pids
    client: DevClient


class Display(Reports, Protocol):
    """Everything that is told between the start of ``natya up`` and its end, in the order of the methods."""

    def starting(self, what: str) -> None:
        """The next part is being started."""

    def ready(self, ready: Ready) -> None:
        """All is ready."""

    def stopping(self) -> None:
        """The end has been asked for."""

    def stopped(self) -> None:
        """Everything has ended."""

    def close(self) -> None:
        """Nothing more will be told, also after a failure."""


class JsonLines:
    """One JSON object a line on standard output. Goes silent when nobody reads it any more."""

    def __init__(self) -> None:
        self._open = True

    def starting(self, what: str) -> None:
        self._say(event="starting", what=what)

    def ready(self, ready: Ready) -> None:
        self._say(**ready)

    def ended(self, child: Child, code: int) -> None:
        self._say(event="ended", role=child.role, name=child.name, pid=child.pid, code=code)

    def restarted(self, child: Child) -> None:
        self._say(event="restarted", role=child.role, pid=child.pid)

    def failed(self, child: Child, reason: str) -> None:
        self._say(event="failed", role=child.role, name=child.name, reason=reason)

    def stopping(self) -> None:
        self._say(event="stopping")

    def stopped(self) -> None:
        self._say(event="stopped")

    def close(self) -> None:
        """Lines need no end."""

    def _say(self, **fields: Any) -> None:
        if self._open:
            try:
                print(json.dumps(fields, separators=(",", ":")), flush=True)
            except BrokenPipeError:
                self._open = False
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or its flush at exit fails as well


class Terminal:
    """For people: progress while it starts, then where everything is and how to try it, then what happens."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._since = time.monotonic()
        self._status: Status | None = None

    def starting(self, what: str) -> None:
        if self._status is None:
            self._status = self._console.status("")
            self._status.start()
        self._status.update(f"Starting {what}")

    def ready(self, ready: Ready) -> None:
        from rich.table import Table

        self._quiet()
        table = Table(show_header=False, box=None, padding=(0, 2), title_justify="left")
        for name, where, pids in (
            ("edge", ready["http"], ready["pids"]["edge"]),
            ("NATS", ready["nats"], [ready["pids"]["nats"]]),
            ("store", ready["store"], [ready["pids"]["store"]]),
            ("workers", f"{len(ready['pids']['workers'])} running", ready["pids"]["workers"]),
            ("data", ready["data"], []),
            ("log in", f"client {ready['client']['id']} with the secret {ready['client']['secret']}", []),
        ):
            table.add_row(f"[bold]{name}[/]", where, f"[dim]{_listed(pids)}[/]")
        self._console.print(f"[bold green]Natya is up[/] after {time.monotonic() - self._since:.1f} s\n")
        self._console.print(table)
        self._console.print("\nTry it:\n")
        server = "" if ready["nats"].endswith(":4222") else f"-s {ready['nats']} "
        for line in (
            f"""nats {server}req natya.ask.account.alice.deposit '{{"amount":5}}'""",
            f"nats {server}sub 'natya.event.>'",
            f"""TOKEN={ready["token"]}""",
            f"""curl --json '{{"amount":5}}' -H "Authorization: Bearer $TOKEN" {ready["http"]}/v1/actors/account/alice/deposit""",
            f"""curl -H "Authorization: Bearer $TOKEN" {ready["http"]}/v1/actors/account/alice/balance""",
        ):
            self._console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
        self._console.print("\nCtrl-C ends it.\n", style="dim")

    def ended(self, child: Child, code: int) -> None:
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        self._tell(f"[yellow]{child.name} {how}[/] [dim]pid {child.pid}, log {child.log}[/]")

    def restarted(self, child: Child) -> None:
        self._tell(f"[green]{child.name} runs again[/] [dim]pid {child.pid}[/]")

    def failed(self, child: Child, reason: str) -> None:
        from rich.markup import escape

        self._tell(f"[red]{child.name} could not be started:[/] {escape(reason)}")

    def stopping(self) -> None:
        self._quiet()
        self._tell("Ending (once more to end at once)")

    def stopped(self) -> None:
        self._tell("Everything has ended")

    def close(self) -> None:
        self._quiet()

    def _tell(self, text: str) -> None:
        self._console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {text}", soft_wrap=True, highlight=False)

    def _quiet(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


def _listed(pids: Sequence[int]) -> str:
    return f"pid {', '.join(map(str, pids))}" if pids else ""
