"""What processes use."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from natya_ops.bench.usage import Meter, cpu_seconds, resident_bytes


def test_a_meter_tells_who_used_the_processor() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as sleeper:
        with Meter({"busy": os.getpid(), "idle": sleeper.pid}) as meter:
            end = time.process_time() + 0.2
            while time.process_time() < end:
                pass
        sleeper.communicate(b"\n")
    assert meter.cpu["busy"] >= 0.15
    assert meter.cpu["idle"] < meter.cpu["busy"]
    assert meter.share == pytest.approx(sum(meter.cpu.values()) / meter.seconds)


def test_memory_in_use_is_seen() -> None:
    before = resident_bytes(os.getpid())
    held = bytearray(os.urandom(32 << 20))
    assert resident_bytes(os.getpid()) - before > 24 << 20
    assert held


def test_a_process_that_is_gone_is_an_error() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    for measure in (cpu_seconds, resident_bytes):
        with pytest.raises((FileNotFoundError, ProcessLookupError)):
            measure(child.pid)
