"""The scripts of ``ops/chaos`` as anybody runs them: against a ``natya up``, and their exit code is believed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "ops" / "chaos"
NAMES = ["cut_network", "drain_worker", "kill_worker", "pause_worker", "restart_nats"]
BUSY = "30"
"""Seconds of silence that are allowed here, where other tests may take the machine: it is the balance that is checked."""
LIMIT = 150.0


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("NATYA_")}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of a running platform with three workers."""
    folder = tmp_path_factory.mktemp("chaos") / ".natya"
    ports = ("--http-port", "0", "--nats-port", "0", "--store-port", "0")
    command = [sys.executable, "-m", "natya_ops", "up", "--json", "--workers", "3", "--data", str(folder), *ports]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            assert any(json.loads(line)["event"] == "ready" for line in child.stdout), "natya up ended before it was ready"
            yield folder
        finally:
            child.send_signal(signal.SIGTERM)
            child.stdout.read()
            assert child.wait(60) == 0


async def play(name: str, *arguments: str) -> tuple[int, str]:
    """Run a script; its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPTS / f"{name}.py"), *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=environment(),
    )  # fmt: skip
    try:
        said, _ = await asyncio.wait_for(process.communicate(), LIMIT)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    print(said.decode())
    return process.returncode, said.decode()


def test_all_scripts_are_played_here_and_told_of_in_their_readme() -> None:
    assert sorted(path.stem for path in SCRIPTS.glob("*.py")) == sorted([*NAMES, "outside"])
    readme = (SCRIPTS / "README.md").read_text()
    assert [name for name in [*NAMES, "outside"] if f"[`{name}.py`]({name}.py)" not in readme] == []


def test_scripts_need_nothing_but_nats_py() -> None:
    program = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); import {', '.join(NAMES)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded >= {"nats", "outside"}
    assert not loaded & {"natya", "natya_ops", "natya_actors", "natya_edge"}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
async def test_a_script_finds_the_platform_exact(name: str, data: Path) -> None:
    code, said = await play(name, "--data", str(data), "--within", BUSY)
    assert code == 0
    assert said.splitlines()[-1] == "exact, quick enough"


@pytest.mark.slow
async def test_a_script_that_finds_it_too_slow_fails(data: Path) -> None:
    code, said = await play("kill_worker", "--data", str(data), "--within", "0.001")
    assert code == 1
    assert said.splitlines()[-1].startswith("exact, TOO SLOW")


@pytest.mark.parametrize("name", NAMES)
async def test_a_script_without_a_platform_says_so(name: str, tmp_path: Path) -> None:
    code, said = await play(name, "--data", str(tmp_path))
    assert code == 1
    assert said.strip() == f"no natya up is ready on {tmp_path}: start one, or name its folder with --data"
