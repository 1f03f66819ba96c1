"""``natya chaos run`` as it is used: it breaks a platform, its exit code is the verdict, and it leaves a report and no process."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from natya_ops.chaos.ground.disk import small_disk
from natya_ops.chaos.plan import draw
from natya_ops.servers.process import start_time
from support.waiting import until

NATYA = (sys.executable, "-m", "natya_ops")
DOCS = Path(__file__).parents[2] / "docs" / "chaos.md"
LIMIT = 300.0


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("NATYA_")}


def chaos(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*NATYA, "chaos", *arguments]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=LIMIT)


def commands() -> list[str]:
    """Every ``$`` line of the page."""
    blocks = re.findall(r"^```console\n(.*?)^```$", DOCS.read_text(), re.MULTILINE | re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def check(document: dict[str, Any], faults: set[str]) -> None:
    """Everything held, enough happened, and nobody was turned away."""
    assert document["held"] is True, document["verdicts"]
    assert {strike["fault"] for strike in document["strikes"]} == faults
    assert [strike["recovery"] for strike in document["strikes"] if strike["recovery"] is None] == []
    assert document["operations"]["total"] > 500
    assert document["operations"]["unanswered"] == 0
    assert document["settled"] is True


@pytest.mark.slow
def test_a_platform_that_is_killed_again_and_again_holds_and_the_report_says_so(tmp_path: Path) -> None:
    done = chaos(
        tmp_path, "run", "--for", "10s", "--faults", "kill,edge,nats", "--seed", "11", "--report", "report", "--json"
    )
    document = json.loads(done.stdout)
    assert done.returncode == 0, document["verdicts"]
    check(document, {"kill", "edge", "nats"})
    assert document["plan"] == draw(11, 10.0, ("kill", "edge", "nats")).document()
    assert document.pop("report") == "report/index.html"
    assert json.loads((tmp_path / "report" / "run.json").read_text()) == document
    assert {file.name for file in (tmp_path / "report").iterdir()} == {"index.html", "report.png", "run.json"}
    assert "<h1>Held</h1>" in (tmp_path / "report" / "index.html").read_text()


@pytest.mark.slow
def test_a_running_platform_is_joined_and_goes_on(tmp_path: Path) -> None:
    ports = ("--http-port", "0", "--nats-port", "0", "--store-port", "0")
    with subprocess.Popen(
        [*NATYA, "up", "--json", "--data", "data", *ports],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as up:
        assert up.stdout is not None
        try:
            assert any(json.loads(line)["event"] == "ready" for line in up.stdout)
            done = chaos(tmp_path, "run", "--for", "8s", "--faults", "kill,store", "--data", "data", "--json", "--seed", "3")
            assert done.returncode == 0, done.stdout + done.stderr
            document = json.loads(done.stdout)
            check(document, {"kill", "store"})
            assert document["place"]["started_here"] is False
            refused = chaos(tmp_path, "run", "--for", "8s", "--faults", "partition", "--data", "data")
            assert (refused.returncode, refused.stdout) == (2, "")
            assert "natya: the fault partition is not possible here: " in refused.stderr
            assert up.poll() is None
        finally:
            up.send_signal(signal.SIGTERM)
            up.stdout.read()


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code", "name"), [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")])
async def test_a_signal_ends_everything_that_was_started(tmp_path: Path, number: int, code: int, name: str) -> None:
    with small_disk(tmp_path / "probe", 1) as disk:
        faults = (
            "stop" if isinstance(disk, str) else "stop,disk"
        )  # with a file system to be unmounted, where one can be mounted
    process = await asyncio.create_subprocess_exec(
        *NATYA, "chaos", "run", "--for", "60s", "--faults", faults, "--report", "report",
        cwd=tmp_path, env=environment(), stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stderr is not None
    async with asyncio.timeout(LIMIT):
        while b"broken now: " not in (line := await process.stderr.readline()) or b"broken now: nothing" in line:
            assert line, "it ended before anything was broken"
    recorded = json.loads((tmp_path / "report" / "chaos-platform" / "processes.json").read_text())
    assert len(recorded) == 6
    process.send_signal(number)
    _, said = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode == code
    assert said.decode().splitlines()[-1] == f"natya: ended by {name}, no verdict; logs are in report/chaos-platform/logs"
    assert not (tmp_path / "report" / "chaos-platform" / "nats" / "jetstream").is_mount()

    async def left() -> list[str]:
        return [each["name"] for each in recorded if start_time(each["pid"]) == each["started"]]

    await until(left, lambda found: not found)


@pytest.mark.slow
@pytest.mark.parametrize("command", commands())
def test_what_the_page_shows_can_be_typed(tmp_path: Path, command: str) -> None:
    name, group, *arguments = command.split()
    assert (name, group) == ("natya", "chaos")
    done = chaos(tmp_path, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    if arguments[0] == "run":
        assert done.stdout.startswith("Held ")
        assert "Report: first/index.html" in done.stdout
        assert (tmp_path / "first" / "index.html").is_file()


def test_the_usual_faults_are_listed_with_what_they_do(tmp_path: Path) -> None:
    done = chaos(tmp_path, "faults", "--json")
    assert done.returncode == 0
    found = {each["name"]: each for each in json.loads(done.stdout)["faults"]}
    assert {"kill", "stop", "drain", "partition", "nats", "store", "edge", "disk"} == {n for n in found if found[n]["usual"]}
    assert found["kill"]["problem"] is None


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--faults", "flood"), "'flood' is no fault: choose from kill, "),
        (("--for", "soon"), "'soon' is no duration: "),
        (("--faults", ""), "--faults '' has an empty name: "),
        (("--faults", "kill,,"), "--faults 'kill,,' has an empty name: "),
        (("--data", "nowhere"), "no natya up is ready on nowhere: "),
    ],
)
def test_what_cannot_run_says_why_in_one_line_and_exits_with_2(
    tmp_path: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    done = chaos(tmp_path, "run", *arguments)
    lines = [line for line in done.stderr.splitlines() if not line.endswith(" …")]
    assert (done.returncode, done.stdout, len(lines)) == (2, "", 1)
    assert lines[0].startswith(f"natya: {complaint}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", ["chaos-platform/source.py", "index.html", "run.json"])
def test_what_no_run_has_made_is_refused_and_stays(tmp_path: Path, file: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("mine")
    done = chaos(tmp_path, "run", "--report", ".")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "choose another folder with --report" in done.stderr
    assert (tmp_path / file).read_text() == "mine"
    assert [str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*") if each.is_file()] == [file]
