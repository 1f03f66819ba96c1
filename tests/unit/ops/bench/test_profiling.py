"""Profiles of both tools become the same table."""

from __future__ import annotations

import cProfile
from pathlib import Path

from natya_ops.bench.profiling import Function, from_cprofile, from_samples

SAMPLES = """\
thread (0x1): MainThread;main (m.py:1);turn (t.py:5);parse (p.py:9) 60
thread (0x1): MainThread;main (m.py:1);turn (t.py:5) 30
thread (0x1): MainThread;main (m.py:1) 10
thread (0x2): pymongo;run (x.py:1) 900
"""


def test_samples_of_the_loop_s_thread_alone_count(tmp_path: Path) -> None:
    file = tmp_path / "samples"
    file.write_text(SAMPLES)
    assert from_samples(file).functions == [
        Function("parse (p.py:9)", 60.0, 60.0),
        Function("turn (t.py:5)", 30.0, 90.0),
        Function("main (m.py:1)", 10.0, 100.0),
    ]


def test_a_profile_by_cprofile_is_sorted_by_own_time(tmp_path: Path) -> None:
    def busy() -> int:
        return sum(number * number for number in range(200_000))

    profiler = cProfile.Profile()
    profiler.runcall(busy)
    profiler.dump_stats(tmp_path / "profile")
    found = from_cprofile(tmp_path / "profile")
    own = [function.self_percent for function in found.functions]
    assert own == sorted(own, reverse=True)
    assert any(function.name.startswith("busy (test_profiling.py:") for function in found.functions)
