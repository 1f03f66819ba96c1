"""The data folder: one user, and what was left running."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from natya.errors import ConfigurationError
from natya_ops.data_folder import DataFolder
from natya_ops.servers.process import start_time


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as process:
        yield process
        process.kill()


def write(folder: Path, pid: int, started: int | None) -> None:
    (folder / "processes.json").write_text(json.dumps([{"name": "nats", "pid": pid, "started": started}]))


def test_what_was_left_behind_is_ended(tmp_path: Path, stranger: subprocess.Popen[bytes]) -> None:
    write(tmp_path, stranger.pid, start_time(stranger.pid))

    assert [left.name for left in DataFolder(tmp_path).end_left_behind()] == ["nats"]

    assert stranger.wait(timeout=10) == -signal.SIGKILL
    assert DataFolder(tmp_path).end_left_behind() == []


def test_a_process_with_the_same_pid_but_another_start_time_is_left_alone(
    tmp_path: Path, stranger: subprocess.Popen[bytes]
) -> None:
    started = start_time(stranger.pid)
    assert started is not None
    write(tmp_path, stranger.pid, started - 1)

    assert DataFolder(tmp_path).end_left_behind() == []

    assert stranger.poll() is None


def test_damaged_records_are_named(tmp_path: Path) -> None:
    (tmp_path / "processes.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"processes\.json is damaged"):
        DataFolder(tmp_path).end_left_behind()


def test_only_one_uses_a_folder_at_a_time(tmp_path: Path) -> None:
    refused = pytest.raises(ConfigurationError, match="another natya up runs on")
    with DataFolder(tmp_path).locked(), refused, DataFolder(tmp_path).locked():
        raise AssertionError("must not be reached")
    with DataFolder(tmp_path).locked():
        pass
