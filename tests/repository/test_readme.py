"""The README's example, run as a reader would: its files written, its commands typed, its answers compared."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall((ROOT / "README.md").read_text()) if kind == language]


def python_files() -> dict[str, str]:
    """Blocks of Python name their file in the first line."""
    return {text.splitlines()[0].removeprefix("# "): text for text in blocks("python")}


def commands() -> list[tuple[str, str]]:
    """Every ``$`` line with the answer shown below it, comments taken off."""
    found: list[tuple[str, str]] = []
    for line in "".join(blocks("console")).splitlines():
        if line.startswith("$ "):
            found.append((line[2:].split("   #")[0].strip(), ""))
        elif line.strip():
            found[-1] = (found[-1][0], line.strip())
    return found


@contextmanager
def running(command: str, folder: Path, environment: dict[str, str]) -> Iterator[dict[str, Any]]:
    """The command that the README starts the platform with, on free ports."""
    words = [*command.split(), "--json", "--nats-port", "0", "--store-port", "0", "--http-port", "0"]
    with subprocess.Popen(words, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if (said := json.loads(line))["event"] == "ready":
                    break
            else:
                pytest.fail("natya up ended before it was ready")
            yield said
        finally:
            process.terminate()
            process.communicate(timeout=60)


def test_every_block_of_python_is_a_file_of_ten_lines_or_so() -> None:
    files = python_files()
    assert list(files) == ["hello.py", "call.py"]
    assert len([line for line in files["hello.py"].splitlines()[1:] if line]) <= 10


def test_make_targets_that_are_named_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = [command.split()[1] for command, _ in commands() if command.startswith("make ")]
    assert named == ["run", "test"]
    assert all(f"\n{target}: " in makefile for target in named)


def test_the_first_steps_do_what_the_readme_shows(tmp_path: Path) -> None:
    for name, text in python_files().items():
        (tmp_path / name).write_text(text)
    typed = [(command, answer) for command, answer in commands() if not command.startswith("make ")]
    start, typed = typed[0][0], typed[1:]
    here = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{here}:{os.environ['PATH']}"}
    if shutil.which("natya", path=environment["PATH"]) is None:
        natya = tmp_path / "natya"
        natya.write_text(f'#!/bin/sh\nexec {sys.executable} -m natya_ops "$@"\n')
        natya.chmod(0o755)
        environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
    with running(start, tmp_path, environment) as said:
        environment |= {"NATS_URL": said["nats"], "NATYA_NATS": said["nats"], "NATYA_STORE": said["store"]}
        for command, answer in typed:
            assert_shown(command, answer, said, tmp_path, environment)
        done = subprocess.run([sys.executable, "call.py"], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.stdout.startswith("Hello Barbara, you are number "), done.stderr


def assert_shown(command: str, answer: str, said: dict[str, Any], folder: Path, environment: dict[str, str]) -> None:
    """The command succeeds and prints what the README shows. Where the stock NATS command line is not installed, its place is
    taken by a request with the same subject and body."""
    if command.startswith("nats ") and shutil.which("nats") is None:
        parts = command.split(" ", 3)
        command = f"{sys.executable} {Path(__file__).parents[1] / 'support' / 'plain_request.py'} {' '.join(parts[1:])}"
    command = command.replace("http://127.0.0.1:8080", said["http"])
    done = subprocess.run(["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    if answer:
        assert json.loads(answer) in done.stdout or answer in done.stdout, f"{command}: {done.stdout}"
