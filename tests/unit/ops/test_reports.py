"""What ``natya up`` tells people, and that a program that stops listening does not end it."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from natya_ops.dev_client import DevClient
from natya_ops.servers.nats_server import NatsServer
from natya_ops.up.reports import Pids, Ready, Terminal

READY = Ready(
    event="ready",
    http="http://127.0.0.1:8080",
    nats="nats://127.0.0.1:4222",
    store="mongodb://127.0.0.1:27017",
    data=".natya",
    token="t0ken",
    pids=Pids(nats=101, store=102, edge=[103], workers=[104, 105]),
    client=DevClient(id="dev", secret="s3cret"),
)


def test_people_are_told_where_everything_is_and_how_to_try_it(tmp_path: Path) -> None:
    screen = io.StringIO()
    terminal = Terminal(Console(file=screen, width=100))
    terminal.starting("NATS and the store")
    terminal.ready(READY)
    terminal.failed(NatsServer(tmp_path), "[Errno 28] no space")
    terminal.stopping()
    terminal.stopped()
    terminal.close()

    shown = screen.getvalue()
    for part in (
        "http://127.0.0.1:8080",
        "pid 104, 105",
        "TOKEN=t0ken",
        "client dev with the secret s3cret",
        "[Errno 28] no space",
        "Everything has ended",
    ):
        assert part in shown
    assert "nats req natya.ask.account.alice.deposit '{\"amount\":5}'" in shown


def test_a_reader_that_went_away_is_no_failure() -> None:
    program = (
        "import sys\n"
        "from natya_ops.up.reports import JsonLines\n"
        "lines = JsonLines()\n"
        "sys.stdin.readline()\n"
        "lines.starting('a'); lines.starting('b'); lines.stopped()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stderr is not None
        child.stdout.close()
        child.stdin.close()
        assert child.stderr.read() == b""
        assert child.wait(30) == 0
