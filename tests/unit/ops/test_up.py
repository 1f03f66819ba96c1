"""``natya up`` as its users see it: lines, processes, signals. Servers are real; worker and edge are small stand-ins."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jwt

from natya_edge.auth.key_folder import KeyFolder
from natya_ops.servers.process import start_time
from support import up_driver
from support.world import eventually


class Up:
    """A running ``natya up --json``."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child

    def signal(self, number: signal.Signals) -> None:
        self._child.send_signal(number)

    async def line(self, event: str) -> dict[str, Any]:
        """The next line about ``event``."""
        assert self._child.stdout is not None
        async with asyncio.timeout(60):
            while raw := await self._child.stdout.readline():
                said: dict[str, Any] = json.loads(raw)
                if said["event"] == event:
                    return said
        raise AssertionError(f"ended without {event}: {await self.errors()}")

    async def errors(self) -> str:
        assert self._child.stderr is not None
        return (await self._child.stderr.read()).decode()

    async def end(self) -> int:
        async with asyncio.timeout(60):
            return await self._child.wait()

    async def close(self) -> None:
        if self._child.returncode is None:
            self._child.kill()
        await self._child.communicate()


@asynccontextmanager
async def natya_up(data: Path, *, nats_port: int = 0, worker: str = "") -> AsyncIterator[Up]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, up_driver.__file__, str(data), str(nats_port),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "ORDER": str(data.with_suffix(".order")), "WORKER": worker},
    )  # fmt: skip
    up = Up(child)
    try:
        yield up
    finally:
        await up.close()


def pids(ready: dict[str, Any]) -> list[int]:
    found = ready["pids"]
    return [found["nats"], found["store"], *found["edge"], *found["workers"]]


async def test_it_says_ready_restarts_what_dies_on_the_same_ports_and_ends_in_order(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with natya_up(data) as up:
        ready = await up.line("ready")
        assert list(ready) == ["event", "http", "nats", "store", "data", "token", "pids", "client"]
        assert list(ready["pids"]) == ["nats", "store", "edge", "workers"]
        assert jwt.get_unverified_header(ready["token"])["kid"] == KeyFolder(data / "keys").read()[0].kid
        said = jwt.decode(ready["token"], options={"verify_signature": False})
        assert (said["sub"], said["roles"]) == ("dev", ["operator"])
        assert ready["data"] == str(data)
        assert len(set(pids(ready))) == 5

        for role, pid in (
            ("worker", ready["pids"]["workers"][1]),
            ("edge", ready["pids"]["edge"][0]),
            ("nats", ready["pids"]["nats"]),
            ("store", ready["pids"]["store"]),
        ):
            os.kill(pid, signal.SIGKILL)
            assert await up.line("ended") | {"name": ""} == {
                "event": "ended", "role": role, "name": "", "pid": pid, "code": -9,
            }  # fmt: skip
            again = await up.line("restarted")
            assert list(again) == ["event", "role", "pid"]
            assert again["role"] == role
            assert again["pid"] != pid
        for name in ("http", "nats", "store"):
            host, port = ready[name].rpartition("//")[2].split(":")
            with socket.create_connection((host, int(port)), timeout=5):
                pass

        recorded = json.loads((data / "processes.json").read_text())
        up.signal(signal.SIGTERM)
        assert await up.line("stopped")
        assert await up.end() == 0
        assert await up.errors() == ""

    assert {left["name"] for left in recorded} == {"nats", "store", "edge", "worker-1", "worker-2"}
    assert not [left for left in recorded if start_time(left["pid"]) == left["started"]]
    order = data.with_suffix(".order").read_text().splitlines()
    assert order[0] == "edge"
    assert sorted(order[1:]) == ["worker worker-1", "worker worker-2"]
    log = (data / "logs" / "worker-2.log").read_text()
    assert log.count(f"worker-2 {ready['nats']}\n") == 2
    assert log.count("hello\n") == 2
    assert json.loads((data / "processes.json").read_text()) == []


async def test_a_folder_in_use_and_a_taken_port_are_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with natya_up(tmp_path / "a", nats_port=port) as up:
            assert await up.end() == 1
            assert await up.errors() == (
                f"natya: port {port} on 127.0.0.1 is taken: choose another with --nats-port, or 0 for any free one\n"
            )
    async with natya_up(tmp_path / "b") as first, natya_up(tmp_path / "b") as second:
        ended = {asyncio.create_task(up.end(), name=name): up for name, up in (("first", first), ("second", second))}
        done, others = await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
        refused = done.pop()
        assert refused.result() == 1
        assert "another natya up runs on" in await ended[refused].errors()
        winner = ended[others.copy().pop()]
        assert await winner.line("ready")
        winner.signal(signal.SIGINT)
        assert await others.pop() == 0


async def test_nothing_is_left_when_it_is_killed_and_it_starts_again_on_its_data(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with natya_up(data) as up:
        ready = await up.line("ready")
        up.signal(signal.SIGKILL)
        await up.end()
    await eventually(lambda: not [pid for pid in pids(ready) if start_time(pid) is not None])
    async with natya_up(data) as up:
        again = await up.line("ready")
        kids = [jwt.get_unverified_header(each["token"])["kid"] for each in (ready, again)]
        assert kids[0] == kids[1]
        up.signal(signal.SIGTERM)
        assert await up.end() == 0


async def test_a_second_signal_ends_everything_at_once(tmp_path: Path) -> None:
    async with natya_up(tmp_path / "data", worker="stubborn") as up:
        ready = await up.line("ready")
        up.signal(signal.SIGINT)
        await up.line("stopping")
        up.signal(signal.SIGINT)
        assert await up.end() == 0
    await eventually(lambda: not [pid for pid in pids(ready) if start_time(pid) is not None])


async def test_a_worker_that_cannot_run_ends_it_with_the_reason(tmp_path: Path) -> None:
    async with natya_up(tmp_path / "data", worker="broken") as up:
        assert await up.end() == 1
        errors = await up.errors()
    assert errors.startswith("natya: worker-")
    assert errors.endswith("): the reason it cannot run\n")
    assert errors.count("\n") == 1
