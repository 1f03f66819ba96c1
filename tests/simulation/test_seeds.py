"""A few seeds hold what is promised, and a seed does the same thing again, to the byte, wherever it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.command import main
from simulation.run import run

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("seed", range(1, 9))
def test_what_is_promised_holds(seed: int) -> None:
    report = run(seed)
    assert not report.violations, "\n".join([*report.violations, f"see: python -m simulation --replay {seed}"])
    assert report.happened["ask ok"] > 0


def replayed(seed: int, hash_seed: str) -> str:
    """What a fresh process prints of a seed."""
    program = f"import sys; from simulation.command import main; sys.exit(main(['--replay', '{seed}']))"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(TESTS)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_a_seed_replays_byte_for_byte_in_any_process() -> None:
    first = replayed(3, "1")
    assert replayed(3, "2") == first
    assert first.splitlines()[-1].endswith(run(3).trace.digest()), "nor does it matter what ran in a process before"
    assert len(first.splitlines()) > 500


def test_two_seeds_are_two_stories() -> None:
    assert run(1).trace.digest() != run(2).trace.digest()


def test_many_seeds_are_added_up_to_a_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "2", "--from", "5", "--jobs", "1"]) == 0
    printed = capsys.readouterr()
    assert "2 seeds from 5: 0 failed" in printed.out
    assert "2 of 2 seeds, 0 failed" in printed.err
