"""Kill -9 of edges, workers, NATS and the store, in the middle of commands over HTTP: what was accepted takes effect once, and its answer
stays what it was."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout

from natya_edge.auth.dev_secret import make_dev_token
from natya_ops.servers.ports import free_port
from support.cluster import Cluster
from support.edge import SECRET
from support.edge_process import natya_edge
from support.waiting import until

TOKEN = {"Authorization": f"Bearer {make_dev_token(SECRET, 'ada')}"}
CLIENTS = 24
COMMANDS = 30
KILLS = 6
REPEAT = (409, 503, 504)
"""409 only with the code ``id_in_flight``, see `Edges.insist`."""


class Edge:
    """An edge at a port of its own that is killed and started again."""

    def __init__(self, cluster: Cluster) -> None:
        self.port = free_port()
        self._cluster = cluster
        self._life = AsyncExitStack()
        self.url = f"http://127.0.0.1:{self.port}"

    async def start(self, http: ClientSession) -> None:
        self._life = AsyncExitStack()
        self._process = await self._life.enter_async_context(
            natya_edge(self._cluster.nats.url, self._cluster.store.url, self.port)
        )

        async def ready() -> bool:
            with suppress(ClientError):
                async with http.get(f"{self.url}/readyz") as response:
                    return response.status == 200
            return False

        await until(ready, limit=60)

    async def kill(self) -> None:
        """``kill -9``."""
        if self._process.returncode is None:
            self._process.kill()
        await self._life.aclose()


@dataclass
class Edges:
    """Several edges and one client of all of them, who repeats by the book."""

    http: ClientSession
    edges: list[Edge]
    broken: int = 0
    said: Counter[str] = field(default_factory=Counter)

    async def insist(self, first: int, path: str, json: object, **headers: str) -> tuple[int, Any, dict[str, str]]:
        """Send until there is an answer that is one, each time to the next edge."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with asyncio.timeout(120):
            for turn in range(first, first + 10_000):
                edge = self.edges[turn % len(self.edges)]
                try:
                    async with self.http.post(f"{edge.url}{path}", json=json, headers=named) as response:
                        found = await response.json(content_type=None)
                        if response.status not in REPEAT or found.get("code") not in (
                            "id_in_flight",
                            "unavailable",
                            "overloaded",
                            "deadline",
                        ):
                            return response.status, found, dict(response.headers)
                        self.said[found["code"]] += 1
                except (ClientError, TimeoutError):
                    self.broken += 1
                await asyncio.sleep(0.05)
        raise AssertionError("unreachable")

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        """The answer of whichever edge gives one."""
        async with asyncio.timeout(120):
            while True:
                for edge in self.edges:
                    with suppress(ClientError, TimeoutError):
                        async with self.http.get(f"{edge.url}{path}", headers=headers) as response:
                            if response.status != 503:
                                return response.status, await response.json(content_type=None)
                await asyncio.sleep(0.05)


@asynccontextmanager
async def edges(cluster: Cluster, count: int) -> AsyncIterator[Edges]:
    async with ClientSession(headers=TOKEN, timeout=ClientTimeout(total=40)) as http:
        found = [Edge(cluster) for _ in range(count)]
        try:
            await asyncio.gather(*(edge.start(http) for edge in found))
            yield Edges(http, found)
        finally:
            await asyncio.gather(*(edge.kill() for edge in found))


@pytest.mark.slow
async def test_commands_repeated_at_another_edge_after_theirs_was_killed_take_effect_once_and_keep_their_answers(
    tmp_path: Path,
) -> None:
    random = Random(seed := secrets.randbelow(1 << 32))
    print(f"seed {seed}")
    async with Cluster(tmp_path, workers=2) as cluster, edges(cluster, 2) as platform:
        answers: dict[str, tuple[str, object, Any]] = {}

        async def client(number: int) -> None:
            for turn in range(COMMANDS):
                entry = f"{number}.{turn}"
                path = f"/v1/actors/ledger/l{number % 8}/enter"
                body = {"entry": entry}
                status, answer, _ = await platform.insist(number + turn, path, body, Idempotency_Key=entry)
                assert status == 200, answer
                answers[entry] = path, body, answer

        async def killer() -> None:
            for turn in range(KILLS):
                await asyncio.sleep(random.uniform(0.3, 0.8))
                edge = platform.edges[turn % 2]
                await edge.kill()
                await edge.start(platform.http)

        killing = asyncio.create_task(killer())
        numbers = iter(range(100_000))
        while not killing.done():
            await asyncio.gather(*(client(next(numbers)) for _ in range(CLIENTS)))
        await killing
        assert platform.broken >= KILLS, "every kill broke something off"
        print(f"{len(answers)} commands, {platform.broken} requests broken off, repeated: {dict(platform.said)}")
        entries = [(await platform.get(f"/v1/actors/ledger/l{n}/entries"))[1] for n in range(8)]
        assert Counter(entry for each in entries for entry in each) == Counter(answers.keys())
        for entry, (path, body, answer) in random.sample(sorted(answers.items()), 200):
            for first in range(2):
                again = await platform.insist(first, path, body, Idempotency_Key=entry)
                assert again[:2] == (200, answer), entry
            assert entries[int(path.split("/")[4][1:])][answer["count"] - 1] == entry


@pytest.mark.slow
async def test_what_was_accepted_takes_effect_once_and_has_its_result_though_everything_is_killed(tmp_path: Path) -> None:
    async with Cluster(tmp_path, workers=2) as cluster, edges(cluster, 1) as platform:
        accepted: dict[str, tuple[int, str]] = {}

        async def send(name: str, count: int) -> None:
            async def one(number: int) -> None:
                entry = f"{name}.{number}"
                slow = {"seconds": 1.0} if number == 0 else {}
                path = f"/v1/actors/ledger/{name}{number % 5}/{'enter_slowly' if slow else 'enter'}"
                status, document, headers = await platform.insist(
                    0, path, {"entry": entry, **slow}, Idempotency_Key=entry, Prefer="respond-async"
                )
                assert status == 202, document
                accepted[entry] = number % 5, headers["Location"]

            await asyncio.gather(*(one(number) for number in range(count)))

        async def restart_all() -> None:
            (edge,) = platform.edges
            await asyncio.gather(*(worker.kill() for worker in cluster.workers), edge.kill())
            await cluster.nats.kill()
            await cluster.store.kill()
            await asyncio.gather(cluster.nats.start(), cluster.store.start())
            await asyncio.gather(*(worker.start() for worker in cluster.workers), edge.start(platform.http))

        async def restart_nats() -> None:
            await cluster.nats.kill()
            await cluster.nats.start()

        async def restart_workers() -> None:
            await asyncio.gather(*(worker.kill() for worker in cluster.workers))
            await asyncio.gather(*(worker.start() for worker in cluster.workers))

        async def without_workers() -> None:
            await asyncio.gather(*(worker.kill() for worker in cluster.workers))
            await send("unowned", 20)
            await asyncio.gather(*(worker.start() for worker in cluster.workers))

        for name, fault in (
            ("worker", restart_workers), ("nats", restart_nats), ("all", restart_all), ("none", without_workers),
        ):  # fmt: skip
            await send(name, 40)
            await fault()
            # A message that runs at three kills in a row would look as if it were the cause.
            await platform.get(accepted[f"{name}.0"][1], Prefer="wait=30")
        await send("last", 5)
        results: dict[str, Any] = {}
        for entry, (_, where) in accepted.items():
            status, document = await platform.get(where, Prefer="wait=30")
            assert (status, document["status"]) == (200, "done"), str(document)
            results[entry] = document
        for name in ("worker", "nats", "all", "none", "unowned", "last"):
            for number in range(5):
                _, entries = await platform.get(f"/v1/actors/ledger/{name}{number}/entries")
                wanted = [e for e, (place, _) in accepted.items() if e.startswith(f"{name}.") and place == number]
                assert sorted(entries) == sorted(wanted)
                for position, entry in enumerate(entries, 1):
                    assert results[entry]["result"] == {"count": position}
        await restart_all()
        for entry, (_, where) in accepted.items():
            assert (await platform.get(where))[1] == results[entry]
