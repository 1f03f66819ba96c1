"""The command line as it is used: the real program, against one real platform for all tests of this folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from natya_ops.up.reports import Ready

NATYA = (sys.executable, "-m", "natya_ops")
LIMIT = 60.0

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True, slots=True)
class Up:
    """A running ``natya up``; commands run in ``folder`` find it by themselves."""

    folder: Path
    ready: Ready

    def natya(self, *arguments: str, stdin: str = "") -> Done:
        """Run ``natya`` with these arguments."""
        return run(self.folder, *arguments, stdin=stdin)

    def document(self, *arguments: str) -> Any:
        """What ``natya … --json`` prints when it succeeds."""
        done = self.natya(*arguments, "--json")
        assert (done.returncode, without_progress(done.stderr)) == (0, [])
        return json.loads(done.stdout)


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("NATYA_")}


def run(folder: Path, *arguments: str, stdin: str = "") -> Done:
    return subprocess.run(
        [*NATYA, *arguments], cwd=folder, env=environment(), input=stdin, capture_output=True, text=True, timeout=LIMIT
    )


def without_progress(errors: str) -> list[str]:
    """The lines on standard error but for signs of life, which a busy machine calls forth."""
    return [line for line in errors.splitlines() if not line.endswith(" …")]


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A platform of two workers. Its tests use keys of their own."""
    folder = tmp_path_factory.mktemp("cli")
    ports = ("--http-port", "0", "--nats-port", "0", "--store-port", "0")
    with subprocess.Popen(
        [*NATYA, "up", "--json", "--data", str(folder / ".natya"), *ports],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        try:
            ready = next((said for line in child.stdout if (said := json.loads(line))["event"] == "ready"), None)
            assert ready is not None, "natya up ended before it was ready"
            yield Up(folder, ready)
        finally:
            child.send_signal(signal.SIGTERM)
            child.stdout.read()
            assert child.wait(LIMIT) == 0
            assert not (folder / ".natya" / "ready.json").exists()


Failing = Callable[..., str]


@pytest.fixture
def failure(up: Up) -> Failing:
    """Run ``natya``, which must fail with exit code 1 and one line; the line without its ``natya: ``."""

    def fails(*arguments: str) -> str:
        done = up.natya(*arguments)
        (line,) = without_progress(done.stderr)
        assert (done.returncode, done.stdout) == (1, "")
        assert line.startswith("natya: ")
        return line.removeprefix("natya: ")

    return fails
