"""A loop that does not run is noticed while it does not, and the handler that holds it is named."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
import types
from asyncio.subprocess import PIPE
from functools import partial
from pathlib import Path

import pytest

from natya.telemetry import Telemetry
from natya.telemetry.events import Event, LoopBlocked
from natya.watchdog import place_of, watch_loop
from support.world import eventually

LIMIT = 0.1


class Heard:
    """A hook that keeps what it is told, and the thread that told it."""

    def __init__(self) -> None:
        self.events: list[LoopBlocked] = []
        self.threads: set[int] = set()

    def has(self, number: int) -> bool:
        return len(self.events) == number

    def __call__(self, event: Event) -> None:
        assert isinstance(event, LoopBlocked)
        self.events.append(event)
        self.threads.add(threading.get_ident())


def hold(said: list[str], caplog: pytest.LogCaptureFixture) -> float:
    """Hold the loop until the log says so; how long that took."""
    began = time.monotonic()
    while not caplog.records and time.monotonic() < began + 10:
        time.sleep(0.005)
    said += [record.getMessage() for record in caplog.records]
    return time.monotonic() - began


def work(seconds: float) -> None:
    """Let a time pass, with the thread that does it."""
    threading.Event().wait(seconds)


async def test_a_held_loop_is_logged_at_once_and_told_as_an_event_when_it_runs(caplog: pytest.LogCaptureFixture) -> None:
    heard = Heard()
    said: list[str] = []
    with watch_loop(Telemetry(heard), limit=LIMIT):
        await asyncio.sleep(0)
        held = hold(said, caplog)
        await eventually(lambda: heard.events)
    assert "loop_blocked" in said[0]
    assert "test_watchdog.hold" in said[0]
    (event,) = heard.events
    assert event.seconds >= LIMIT
    assert event.seconds >= held - LIMIT / 2
    assert "test_watchdog.hold" in event.where
    assert heard.threads == {threading.get_ident()}


async def test_a_loop_that_runs_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    heard = Heard()
    with watch_loop(Telemetry(heard), limit=0.4):
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            work(0.01)
            await asyncio.sleep(0)
    assert heard.events == []
    assert not caplog.records


STOPPED = """
import asyncio, sys
from natya.telemetry import Telemetry
from natya.watchdog import watch_loop
async def main():
    with watch_loop(Telemetry(print), limit=0.2):
        print("watched", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
asyncio.run(main())
"""


async def test_a_process_that_was_stopped_has_no_handler_to_name() -> None:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", STOPPED, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    try:
        assert child.stdout is not None
        assert await child.stdout.readline() == b"watched\n"
        child.send_signal(signal.SIGSTOP)
        await eventually(lambda: " T " in Path(f"/proc/{child.pid}/stat").read_text())
        await asyncio.to_thread(work, 0.6)
        child.send_signal(signal.SIGCONT)
        await asyncio.to_thread(work, 0.6)
    finally:
        child.send_signal(signal.SIGCONT)
        said, wrong = await child.communicate(b"end\n")
    assert (said, wrong) == (b"", b"")


async def test_each_time_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    heard = Heard()
    with watch_loop(Telemetry(heard), limit=LIMIT):
        for number in (1, 2):
            await asyncio.sleep(0)
            caplog.clear()
            hold([], caplog)
            await eventually(partial(heard.has, number))
    assert len(heard.events) == 2


async def test_it_ends_with_its_block() -> None:
    with watch_loop(Telemetry(), limit=LIMIT):
        assert "natya watchdog" in {thread.name for thread in threading.enumerate()}
    assert "natya watchdog" not in {thread.name for thread in threading.enumerate()}


def module(name: str, source: str) -> types.ModuleType:
    made = types.ModuleType(name)
    exec(compile(source, f"/{name}.py", "exec"), vars(made))
    return made


def test_the_handler_is_named_before_the_place_deep_within_that_it_waits_at() -> None:
    deep = module("driver", "def read(wait):\n    wait()\n")
    shop = module("shop", "class Order:\n    def place(self, wait):\n        read(wait)\n")
    vars(shop)["read"] = deep.read
    runtime = module("natya.runtime.perform", "def perform(handler, wait):\n    handler(wait)\n")
    inside, over = threading.Event(), threading.Event()

    def wait() -> None:
        inside.set()
        over.wait(10)

    thread = threading.Thread(target=runtime.perform, args=(shop.Order().place, wait))
    thread.start()
    try:
        assert inside.wait(10)
        assert thread.ident is not None
        where = place_of(thread.ident)
    finally:
        over.set()
        thread.join()
    assert where.startswith("shop.Order.place (/shop.py:3), in ")


def test_a_thread_that_is_gone_is_unknown() -> None:
    assert place_of(-1) == "unknown"
