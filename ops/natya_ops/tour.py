"""The short tour that ``natya up --tour`` plays on real actors, told for people.

Two accounts of its own (a second tour meets no balance of the first) get deposits over NATS, HTTP and Python and a transfer;
then the worker that owns one of them is killed in the middle of a stream of deposits. Each step is checked against what
must be true, and `TourFailed` is raised if it is not.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import nats
import nats.errors

from natya.client import Platform, connect
from natya.errors import NatyaError, UnknownKind
from natya.settings import Settings
from natya_actors import Account, Transfer
from natya_actors.transfer import Phase
from natya_ops.cluster import open_cluster
from natya_ops.commands.where import place_of
from natya_ops.data_folder import DataFolder

if TYPE_CHECKING:
    from rich.console import Console

    from natya_ops.up.reports import Ready

DEPOSITS: Final = 600
"""Deposits of one unit each while a worker is killed, by `CALLERS` at once; it dies after a third of them."""
CALLERS: Final = 12
PATIENCE: Final = 40.0
"""Seconds that any single step may take: more than a call waits for its answer, so that its own error is told."""


class TourFailed(NatyaError):
    """Raised when a step of the tour did not do what it must."""

    slug = "tour_failed"


async def play(ready: Ready, console: Console) -> None:
    """Play the tour on the platform that is ``ready``. Raises `TourFailed`, naming the step, and `UnknownKind` if the actors of
    the tour are not there."""
    settings = Settings(nats=ready["nats"], store=ready["store"])
    tour = Tour(ready, settings, console)
    try:
        async with connect(ready["nats"], namespace=settings.namespace) as platform:
            if not {"account", "transfer"} <= platform.kinds.keys():
                raise UnknownKind("the tour plays on account and transfer: run it with --app natya_actors")
            await tour.play(platform)
    except (TourFailed, UnknownKind):
        raise
    except (NatyaError, TimeoutError, aiohttp.ClientError, nats.errors.Error, OSError) as error:
        raise TourFailed(f"{tour.step}: {str(error) or type(error).__name__}") from error


@dataclass(slots=True)
class Stream:
    """How the deposits went: the longest wait for an answer in seconds, and how many calls saw an error."""

    done: int = 0
    longest: float = 0.0
    errors: list[str] = field(default_factory=list)


class Tour:
    """One playing of the tour; ``step`` says where it is."""

    def __init__(self, ready: Ready, settings: Settings, console: Console) -> None:
        self._ready = ready
        self._settings = settings
        self._console = console
        mark = secrets.token_hex(2)
        self._alice = f"alice-{mark}"
        self._bob = f"bob-{mark}"
        self._number = 0
        self.step = ""

    async def play(self, platform: Platform) -> None:
        """All steps in order."""
        self._console.print("[bold]A short tour[/]\n")
        for step in (self._over_nats, self._over_http):
            async with asyncio.timeout(PATIENCE):
                await step()
        for one in (self._in_python, self._transfer, self._kill):
            async with asyncio.timeout(PATIENCE):
                await one(platform)
        self._end()

    async def _over_nats(self) -> None:
        subject = f"{self._settings.namespace}.ask.account.{self._alice}.deposit"
        self._begin("A deposit over plain NATS", f"nats req {subject} '{{\"amount\": 30}}'")
        client = await nats.connect(self._ready["nats"])
        try:
            reply = await client.request(subject, b'{"amount": 30}', timeout=10)
        finally:
            await client.close()
        self._check(json.loads(reply.data), {"balance": 30}, "it is in the journal, on disk, before this answer leaves")

    async def _over_http(self) -> None:
        path = f"/v1/actors/account/{self._alice}/deposit"
        self._begin("The same actor over HTTP", f"""curl --json '{{"amount": 12}}' …{path}""")
        headers = {"Authorization": f"Bearer {self._ready['token']}", "Idempotency-Key": secrets.token_hex(8)}
        async with aiohttp.ClientSession(self._ready["http"], headers=headers) as session:
            for attempt in ("", "sent again with the same Idempotency-Key: the same answer, no second deposit"):
                async with session.post(path, json={"amount": 12}) as answer:
                    self._check(await answer.json(content_type=None), {"balance": 42}, attempt)

    async def _in_python(self, platform: Platform) -> None:
        self._begin("And in Python", f'await platform.actor(Account, "{self._alice}").deposit(amount=58)')
        balance = await platform.actor(Account, self._alice).deposit(amount=58)
        self._check(balance.model_dump(), {"balance": 100})

    async def _transfer(self, platform: Platform) -> None:
        self._begin("A transfer: three actors, no money lost or made", f"{self._alice} → {self._bob}: 25")
        transfer = platform.actor(Transfer, f"{self._alice}-{self._bob}")
        state = await transfer.start(source=self._alice, target=self._bob, amount=25)
        while state.phase in (Phase.NEW, Phase.WITHDRAWING, Phase.DEPOSITING, Phase.RETURNING):
            await asyncio.sleep(0.02)
            state = await transfer.status()
        self._check(state.phase.value, "done")
        self._check(
            {"alice": await self._balance(platform, self._alice), "bob": await self._balance(platform, self._bob)},
            {"alice": 75, "bob": 25},
        )

    async def _kill(self, platform: Platform) -> None:
        name, pid = await self._owner()
        self._begin(f"kill -9 in the middle of {DEPOSITS} deposits of 1", f"{name} (pid {pid}) owns {self._alice}")
        killed = asyncio.Event()
        stream = Stream()
        left = iter(range(DEPOSITS))
        async with asyncio.TaskGroup() as tasks:
            for _ in range(CALLERS):
                tasks.create_task(self._deposits(platform, stream, left, killed))
            await killed.wait()
            os.kill(pid, signal.SIGKILL)
            self._say(f"[red]killed[/] after {stream.done} deposits, {CALLERS} more under way")
        if stream.errors:
            raise TourFailed(f"{self.step}: {len(stream.errors)} calls failed, first {stream.errors[0]}")
        self._say(f"all {stream.done} answered, none with an error; the longest wait was {stream.longest:.1f} s")
        owner, _ = await self._owner()
        after = await self._balance(platform, self._alice)
        self._check(after, 75 + DEPOSITS, f"75 + {DEPOSITS}: exactly right. {owner} owns it now")

    async def _deposits(self, platform: Platform, stream: Stream, left: Any, killed: asyncio.Event) -> None:
        account = platform.actor(Account, self._alice)
        for _ in left:
            began = time.monotonic()
            try:
                await account.deposit(amount=1)
            except NatyaError as error:
                stream.errors.append(str(error))
            stream.done += 1
            stream.longest = max(stream.longest, time.monotonic() - began)
            if stream.done == DEPOSITS // 3:
                killed.set()

    async def _owner(self) -> tuple[str, int]:
        """The name and pid of the worker that has Alice's partition. Raises `TourFailed` if nobody has it."""
        async with open_cluster(self._settings) as cluster:
            owner = place_of(cluster, "account", self._alice)["owner"]
        if owner is None or not owner["alive"]:
            raise TourFailed(f"{self.step}: nobody owns {self._alice}")
        pid = DataFolder(Path(self._ready["data"])).pid_of(owner["node"])
        if pid is None:
            raise TourFailed(f"{self.step}: {owner['node']} is not a worker of this natya up")
        return owner["node"], pid

    async def _balance(self, platform: Platform, key: str) -> int:
        return (await platform.actor(Account, key).balance()).balance

    def _begin(self, step: str, how: str) -> None:
        self._number += 1
        self.step = step
        self._console.print(f"[bold cyan]{self._number}. {step}[/]")
        self._console.print(f"   [dim]{how}[/]", soft_wrap=True)

    def _check(self, found: Any, expected: Any, why: str = "") -> None:
        if found != expected:
            raise TourFailed(f"{self.step}: {json.dumps(found, default=str)} where {json.dumps(expected)} is right")
        shown = json.dumps(found) if not isinstance(found, str) else found
        self._say(f"[green]{shown}[/]{'  ' if why else ''}{why}")

    def _say(self, text: str) -> None:
        self._console.print(f"   {text}", soft_wrap=True)

    def _end(self) -> None:
        server = "" if self._ready["nats"].endswith(":4222") else f"-s {self._ready['nats']} "
        data = "" if self._ready["data"] == ".natya" else f" --data {self._ready['data']}"
        self._console.print("\n[bold green]That was it.[/] All of it goes on running; try it in another terminal:\n")
        for line in (
            f"natya history account {self._alice}{data}",
            f"natya where account {self._alice}{data}",
            f"natya describe transfer{data}",
            f"natya doctor{data}",
            f"nats {server}req {self._settings.namespace}.ask.account.{self._alice}.withdraw '{{\"amount\": 1000}}'",
            f"""curl -H "Authorization: Bearer $(natya token{data})" {self._ready["http"]}/v1/actors/account/{self._alice}/balance""",
        ):
            self._console.print(f"   {line}", markup=False, soft_wrap=True)
        self._console.print(
            f"\n   edge {self._ready['http']}   NATS {self._ready['nats']}   store {self._ready['store']}\n", soft_wrap=True
        )
