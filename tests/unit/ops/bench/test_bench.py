"""``natya bench`` with real servers, just long enough to see that every measure can be taken."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from natya_ops.bench.options import Measure


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "natya_ops", "bench", *arguments], capture_output=True, text=True, timeout=240
    )


def test_a_wrong_measure_is_told_in_one_line() -> None:
    done = bench("--only", "speed")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("natya: 'speed' is no measure: choose from asks,")


def test_a_quick_run_takes_its_measures_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = bench("--quick", "--json", "--only", "asks,recovery", "--folder", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["failed"] == {}
    assert "sync_interval: always" in report["machine"]["nats"]
    assert report["machine"]["fsync_ms"] > 0

    asks, recovery = report["measures"]
    assert [asks["measure"], recovery["measure"]] == [Measure.ASKS, Measure.RECOVERY]
    assert asks["ratio"]["median"] == pytest.approx(asks["figure"]["median"] / asks["baseline"]["median"], rel=0.01)
    assert asks["budget"] == {"bound": "at least", "limit": 0.5}
    assert asks["reached"] is (asks["ratio"]["median"] >= 0.5)
    subject, baseline = asks["details"]["subject"], asks["details"]["baseline"]
    assert subject["turns_per_batch"] >= 1, "asks are appended in batches"
    assert "turns_per_batch" not in baseline, "echoes are not"
    assert set(subject["cpu_us_per_request"]) == {"load", "echo", "worker", "nats", "store"}

    told = recovery["details"]
    assert told["from"] == "the worker's log"
    assert told["actors"] == told["keys"], "all that was never written was read back"
    assert recovery["figure"]["median"] <= told["kill_to_first_success_s"]
