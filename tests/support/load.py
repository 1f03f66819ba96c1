"""Callers that go on through every fault, and the account of what they were told: who was acknowledged must be found once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

from support.bare_client import Bare, GaveUpError, partition_of
from support.waiting import until

PARTITIONS = 4
PATIENCE = 60.0


@dataclass
class Load:
    """Entries made in the ledgers ``<name>-0`` … ``<name>-<keys - 1>``, by asks and by tells, each under an id of its own.

    ``told[key]`` and ``asked[key]`` are the entries that were acknowledged, in the order of the acknowledgements.
    """

    bare: Bare
    name: str
    keys: int = 12
    pause: float = 0.03
    told: dict[str, list[str]] = field(default_factory=dict)
    asked: dict[str, list[str]] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    interruptions: list[str] = field(default_factory=list)
    slowest: float = 0.0
    _stop: bool = False
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def __aenter__(self) -> Load:
        for number in range(self.keys):
            key = f"{self.name}-{number}"
            self.told[key], self.asked[key] = [], []
            self._tasks.append(asyncio.create_task(self._ask(key)))
            if number % 3 == 0:
                self._tasks.append(asyncio.create_task(self._tell(key)))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def finish(self) -> None:
        """Begin nothing more, and wait for what is on its way."""
        self._stop = True
        await asyncio.gather(*self._tasks)

    def __str__(self) -> str:
        """Numbers for the test's output."""
        return (
            f"{self.acknowledged} acknowledged after {len(self.interruptions)} repeats, the slowest in {self.slowest:.1f} s; "
            f"{Counter(self.interruptions).most_common(4)}"
        )

    @property
    def acknowledged(self) -> int:
        return sum(map(len, (*self.told.values(), *self.asked.values())))

    async def progress(self, *, limit: float = 40.0) -> None:
        """Wait until every key has been acknowledged something that was begun from now on."""
        before = {key: len(entries) for key, entries in self.asked.items()}

        async def behind() -> list[str]:
            return [key for key, entries in self.asked.items() if len(entries) < before[key] + 2]

        await until(behind, lambda found: not found, limit=limit)

    async def _ask(self, key: str) -> None:
        loop = asyncio.get_running_loop()
        number = 0
        while not self._stop:
            entry = f"a{number}"
            number += 1
            self.begun.add(f"{key}/{entry}")
            began = loop.time()
            try:
                reply = await self.bare.insist(
                    "ledger", key, "enter", {"entry": entry}, id=entry, seconds=PATIENCE, attempts=self.interruptions
                )
            except GaveUpError as error:
                self.failures.append(str(error))
                continue
            self.slowest = max(self.slowest, loop.time() - began)
            if reply.code:
                self.failures.append(f"{key} {entry}: {reply.code} {reply.slug} {reply.body!r}")
            else:
                self.asked[key].append(entry)
            await asyncio.sleep(self.pause)

    async def _tell(self, key: str) -> None:
        number = 0
        while not self._stop:
            entry = f"t{number}"
            number += 1
            self.begun.add(f"{key}/{entry}")
            try:
                await self.bare.insist_on_telling("ledger", key, "enter", {"entry": entry}, id=entry, seconds=PATIENCE)
            except GaveUpError as error:
                self.failures.append(str(error))
                continue
            self.told[key].append(entry)
            await asyncio.sleep(self.pause)

    async def check(self) -> None:
        """Every acknowledged entry is in its ledger once and none twice, those of one teller in their order; nobody was
        turned away; and the journals tell the same story."""
        assert not self.failures, f"{len(self.failures)} failures, the first: {self.failures[:3]}"
        for key in self.asked:
            wanted = {*self.asked[key], *self.told[key]}

            async def entries(key: str = key) -> list[str]:
                found: list[str] = (await self.bare.insist("ledger", key, "entries")).result
                return found

            found = await until(entries, lambda found, wanted=wanted: wanted <= set(found), limit=60)  # type: ignore[misc]
            twice = [entry for entry, times in Counter(found).items() if times > 1]
            assert not twice, f"{key} has entries more than once: {twice[:10]}"
            assert {f"{key}/{entry}" for entry in found} <= self.begun
            told = [entry for entry in found if entry.startswith("t")]
            assert told == sorted(told, key=lambda entry: int(entry[1:])), f"the tells of {key} ran out of order"
        await check_journals(self.bare, "ledger", PARTITIONS)
        assert self.acknowledged > 0


async def check_journals(bare: Bare, kind: str, partitions: int) -> None:
    """In each journal epochs never fall, only the fence's writer writes in its epoch, and the version of each key goes up by
    one with a success and stays with a *no*."""
    for number in range(partitions):
        epoch, writer, versions = 0, "", dict[str, int]()
        for record in await bare.records(kind, number):
            where = f"{kind} partition {number} record {record['sequence']}"
            assert record["format"] == 1
            assert record["epoch"] >= epoch, f"{where}: the epoch falls from {epoch} to {record['epoch']}"
            if record["epoch"] > epoch:
                epoch, writer = record["epoch"], record["node"]
            assert record["node"] == writer, f"{where}: {record['node']} writes in the epoch of {writer}"
            for turn in record.get("turns", []):
                key, version = turn["key"], turn["v"]
                if version < 0:  # a letter to no actor
                    continue
                assert partition_of(key, partitions) == number
                step = version - versions.get(key, version)
                assert step == 0 if "error" in turn else 0 <= step <= 1, f"{where}: {key} goes to {version} by {step}"
                versions[key] = version


def chance(seed: int) -> random.Random:
    """A source of chance that a failing test's output names."""
    print(f"seed {seed}")
    return random.Random(seed)
