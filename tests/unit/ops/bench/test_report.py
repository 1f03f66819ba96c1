"""How results are told."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console

from natya_ops.bench.figures import Bound, Budget, Measurement, Spread, compared
from natya_ops.bench.options import USUAL
from natya_ops.bench.profiling import Function, Profile
from natya_ops.bench.report import Report

MACHINE: dict[str, Any] = {
    "processor": "a processor", "cores": 2, "memory_gib": 8.0, "python": "3.11.7", "nats": "nats-server 2", "store": "mongod 8",
    "file_system": "ext4", "fsync_ms": 0.5,
}  # fmt: skip


def report() -> Report:
    side = {"failed": 0, "failure": "", "p99_ms": 20.0, "cpu_us_per_request": {"load": 30.0, "worker": 45.0}}
    asks = compared(
        "asks", "durable asks", "/s", [(10_000.0, 4_000.0)], Budget(Bound.AT_LEAST, 0.5), baseline_title="raw echo",
        details={
            "baseline": side,
            "subject": side | {"failed": 3, "failure": "503 overloaded", "turns_per_batch": 17.0},
            "slices_begun_unsettled": 2,
        },
    )  # fmt: skip
    idle = Measurement(
        "idle", "idle platform", "%", Spread.of([1.5]), Budget(Bound.AT_MOST, 2.0), details={"percent": {"nats": 0.5}}
    )
    profile = Profile("py-spy", [Function("turn (t.py:5)", 40.0, 60.0)])
    return Report(MACHINE, USUAL, [asks, idle], {"memory": "the store is too slow"}, profile, "/kept")


def test_people_see_figures_costs_and_what_went_wrong() -> None:
    console = Console(width=140)
    with console.capture() as capture:
        report().show(console)
    lines = [" ".join(line.split()) for line in capture.get().splitlines()]
    assert "durable asks 4,000 /s 10,000 /s 0.4 ≥ 0.5 no" in lines
    assert "idle platform 1.5 % ≤ 2 yes" in lines
    assert "asks 30 45 17 20" in lines
    assert "durable asks: 2 slices began while the machine was still busy; repeat on a quiet one" in lines
    assert "durable asks: 3 requests of the subject failed; the first: 503 overloaded" in lines
    assert "idle platform: percent nats 0.5" in lines
    assert "turn (t.py:5) 40.0 60.0" in lines
    assert "memory failed: the store is too slow" in lines
    assert "Logs and data are kept in /kept" in lines


def test_programs_get_the_same_as_json() -> None:
    found = json.loads(json.dumps(report().document()))
    asks, idle = found["measures"]
    assert (asks["measure"], asks["ratio"]["median"], asks["reached"]) == ("asks", 0.4, False)
    assert asks["budget"] == {"bound": "at least", "limit": 0.5}
    assert (idle["baseline"], idle["ratio"], idle["reached"]) == (None, None, True)
    assert found["failed"] == {"memory": "the store is too slow"}
    assert found["kept"] == "/kept"
    assert found["profile"]["functions"] == [{"name": "turn (t.py:5)", "self_percent": 40.0, "total_percent": 60.0}]
