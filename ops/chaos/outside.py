"""What all scripts here share: find a running ``natya up``, and watch one actor from outside while something breaks.

Nothing of Natya is imported. The wire protocol is all that a caller needs: NATS requests with an id, sent again under the same
id until they are answered.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.errors import Error

PARTITIONS = 16  # of the kind `account`, as it is deployed
CALM = 2.0  # seconds before and after, to have something to compare with
PATIENCE = 60.0  # seconds after which an intention is given up


class Failed(Exception):
    """What was promised did not happen."""


class Caller:
    """Deposits 1 in one account again and again, and notes when each was answered."""

    def __init__(self, client: Client, key: str) -> None:
        self.client = client
        self.key = key
        self.answered: list[float] = []
        self.repeats = 0
        self.balance = -1
        self.stop = False

    async def deposit_on_and_on(self) -> None:
        while not self.stop:
            await self.ask("deposit", b'{"amount": 1}')
            self.answered.append(time.monotonic())
            await asyncio.sleep(0.005)
        self.balance = (await self.ask("balance"))["balance"]

    async def ask(self, method: str, body: bytes = b"") -> Any:
        """One intention: an id, the time of its first attempt, and attempts with rising numbers until it is answered."""
        begun = int(time.time() * 1000)
        deadline = begun + int(PATIENCE * 1000)
        headers = {"Natya-Id": secrets.token_hex(8), "Natya-Sent": str(begun), "Natya-Deadline": str(deadline)}
        attempt = 1
        while time.time() * 1000 < deadline:
            headers["Natya-Attempt"] = str(attempt)
            wait = min(0.1 * attempt, 1.0)
            try:
                subject = f"natya.ask.account.{self.key}.{method}"
                reply = await self.client.request(subject, body, timeout=wait, headers=dict(headers))
                code = (reply.headers or {}).get("Nats-Service-Error-Code")
                if code is None:
                    return json.loads(reply.data)
                if code != "503":  # 503 asks to be asked again; anything else is final
                    raise Failed(f"{method} failed: {reply.data.decode()}")
            except Error:  # no responders, or nothing heard
                pass
            await asyncio.sleep(0.01)
            attempt += 1
            self.repeats += 1
        raise Failed(f"no answer to {method} within {PATIENCE:.0f} s")

    def silence(self) -> float:
        """The longest time so far between two answers."""
        return max((b - a for a, b in zip(self.answered, self.answered[1:], strict=False)), default=0.0)


class Up:
    """A running ``natya up``, as its data folder tells of it."""

    def __init__(self, data: Path, client: Client) -> None:
        self.data = data
        self.client = client
        self.servers = _servers(data)

    def pid(self, name: str) -> int:
        """The process of ``nats``, ``store``, ``edge``, ``worker-1``, …"""
        processes = {process["name"]: process["pid"] for process in json.loads((self.data / "processes.json").read_text())}
        if name not in processes:
            raise Failed(f"this natya up runs no {name!r}; it runs {', '.join(processes)}")
        return int(processes[name])

    def send(self, name: str, number: signal.Signals) -> int:
        pid = self.pid(name)
        print(f"{number.name} to {name} (pid {pid})")
        os.kill(pid, number)
        return pid

    async def owner(self, key: str) -> str:
        """The name of the worker that has this account, once one has it."""
        bucket = await self.client.jetstream().key_value("natya_cluster")
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(Error, KeyError):  # no such key now, no answer, or an empty value: it changes hands
                owner = json.loads((await bucket.get(f"owner.account.{partition(key)}")).value or b"{}")
                member = await bucket.get(f"member.{owner['node']}")
                return str(json.loads(member.value or b"{}")["name"])
            await asyncio.sleep(0.05)
        raise Failed(f"nobody has the account {key} after {PATIENCE:.0f} s")

    @asynccontextmanager
    async def caller(self, key: str = "") -> AsyncIterator[Caller]:
        """Somebody who deposits from before the fault until a while after everything has healed."""
        caller = Caller(self.client, key or f"chaos-{secrets.token_hex(4)}")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(caller.deposit_on_and_on())
            await asyncio.sleep(CALM)
            print(f"{len(caller.answered)} deposits in {caller.key}, the longest silence {caller.silence():.3f} s")
            yield caller
            healed = time.monotonic()
            while caller.answered[-1] < healed:
                await asyncio.sleep(0.01)
            await asyncio.sleep(CALM)
            caller.stop = True


def partition(key: str) -> int:
    """FNV-1a of the key, as NATS computes it. Keys here need no encoding."""
    number = 2166136261
    for byte in key.encode():
        number = (number ^ byte) * 16777619 % 2**32
    return number % PARTITIONS


def run(story: Callable[[Up], Awaitable[Caller]], *, within: float) -> None:
    """Play a story on the platform that is named on the command line, and end with the verdict as exit code: the balance is
    exact, and nobody waited longer than ``within`` seconds."""
    parser = argparse.ArgumentParser(description=(sys.modules["__main__"].__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(".natya"), help="data folder of the running natya up (.natya)")
    parser.add_argument("--within", type=float, default=within, help=f"longest silence allowed, in seconds ({within:g})")
    options = parser.parse_args()
    try:
        caller = asyncio.run(_played(story, options.data))
    except* Failed as failures:
        sys.exit(f"FAILED: {failures.exceptions[0]}")
    done, silence = len(caller.answered), caller.silence()
    print(
        f"{done} deposits answered, {caller.repeats} attempts repeated, balance {caller.balance}, longest silence {silence:.3f} s"
    )
    exact, quick = caller.balance == done, silence <= options.within
    print("exact" if exact else "WRONG: the balance is not what was answered", end=", ")
    print("quick enough" if quick else f"TOO SLOW: more than {options.within:g} s")
    sys.exit(0 if exact and quick else 1)


async def _played(story: Callable[[Up], Awaitable[Caller]], data: Path) -> Caller:
    client = await nats.connect(
        _servers(data)["nats"], max_reconnect_attempts=-1, reconnect_time_wait=0.05, ping_interval=1, error_cb=_quiet
    )  # fmt: skip
    try:
        return await story(Up(data, client))
    finally:
        await client.close()


def _servers(data: Path) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads((data / "ready.json").read_text())
    except OSError:
        raise SystemExit(f"no natya up is ready on {data}: start one, or name its folder with --data") from None
    return found


async def _quiet(error: Exception) -> None:
    """Disconnects are what this is about."""
