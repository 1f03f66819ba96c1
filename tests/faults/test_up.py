"""``natya up`` as it is started by anybody: the platform answers, and what is killed comes back with what it had."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from support.bare_client import bare_client, new_id
from support.load import check_journals
from support.waiting import until


class Up:
    """A running ``natya up --json``; ``ready`` is its first line of that name, ``lines`` all it has said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self.ready: dict[str, Any] = {}

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(json.loads(line))

    async def said(self, event: str, role: str = "", *, limit: float = 60) -> dict[str, Any]:
        """The line of this event, once it is there."""

        async def probe() -> list[dict[str, Any]]:
            assert self.process.returncode is None, self.lines
            return [line for line in self.lines if line["event"] == event and line.get("role", "") == role]

        return (await until(probe, limit=limit))[-1]


@asynccontextmanager
async def up(data: Path) -> AsyncIterator[Up]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "natya_ops", "up", "--json", "--nats-port", "0", "--store-port", "0", "--http-port", "0",
        "--data", str(data), "--workers", "2", stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    running = Up(process)
    reading = asyncio.create_task(running.read())
    try:
        running.ready = await running.said("ready")
        yield running
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 60)
        await reading


async def http(ready: dict[str, Any], method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    """One request over HTTP, with the token for development: the status and the JSON."""

    def send() -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(ready["http"] + path, data, method=method)
        request.add_header("Authorization", f"Bearer {ready['token']}")
        request.add_header("Content-Type", "application/json")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    return await asyncio.to_thread(send)


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
async def test_every_process_of_natya_up_may_be_killed_and_no_deposit_is_lost_or_doubled(tmp_path: Path) -> None:
    async with up(tmp_path / "data") as running:
        pids = running.ready["pids"]
        async with bare_client(running.ready["nats"]) as bare:
            balance = 0
            victims = [
                ("worker", pids["workers"][0]),
                ("nats", pids["nats"]),
                ("store", pids["store"]),
                ("edge", pids["edge"][0]),
            ]
            for role, pid in victims:
                os.kill(pid, signal.SIGKILL)
                for _ in range(5):
                    balance += 1
                    reply = await bare.insist("account", "alice", "deposit", {"amount": 1}, id=new_id())
                    assert reply.result == {"balance": balance}
                restarted = await running.said("restarted", role)
                assert restarted["pid"] != pid
                assert runs(restarted["pid"])

            async def over_http() -> tuple[int, Any]:
                try:
                    return await http(running.ready, "GET", "/v1/actors/account/alice/balance")
                except OSError:
                    return 0, None

            assert await until(over_http, lambda answer: answer[0] == 200) == (200, {"balance": balance})
            same = {"Idempotency_Key": new_id()}
            for _ in range(2):
                answer = await http(running.ready, "POST", "/v1/actors/account/alice/deposit", {"amount": 10}, **same)
                assert answer == (200, {"balance": balance + 10})
            status, problem = await http(running.ready, "POST", "/v1/actors/account/alice/withdraw", {"amount": 10_000})
            assert (status, problem["code"]) == (409, "insufficient_funds")
            await check_journals(bare, "account", 16)
        current = {line["role"]: line["pid"] for line in running.lines if line["event"] == "restarted"}
        everything = [*current.values(), pids["workers"][1]]
        running.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(running.process.wait(), 60) == 0
        assert not any(map(runs, everything))
    async with up(tmp_path / "data") as running, bare_client(running.ready["nats"]) as bare:
        assert (await bare.insist("account", "alice", "balance")).result == {"balance": balance + 10}
