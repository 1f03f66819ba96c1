"""The owner is stopped past its lease, another commits, the owner goes on: it is refused, and nobody reads what was."""

from __future__ import annotations

import asyncio
import os
import secrets
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from natya_ops.up.programs import Worker
from support.bare_client import Bare, bare_client, new_id, partition_of
from support.cluster import Cluster, freeze, logged, thaw
from support.history import Operation, explain, unanswered
from support.load import chance, check_journals
from support.waiting import until

PARTITIONS = 4


@dataclass
class Callers:
    """Increments and reads of one counter, each recorded with the time of its beginning and its end."""

    bare: Bare
    key: str
    history: list[Operation] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _open: dict[str, float] = field(default_factory=dict)
    _stop: bool = False

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def increment(self) -> None:
        """Increment again and again, as the protocol says."""
        while not self._stop:
            begun = self.now
            reply = await self.bare.insist("counter", self.key, "increment", id=new_id(), seconds=60)
            if reply.code:
                self.failures.append(f"{reply.code} {reply.slug}")
                self.history.append(unanswered(begun))
            else:
                self.history.append(Operation(begun, self.now, reply.json["value"]))
            await asyncio.sleep(0.01)

    async def read(self) -> None:
        """Read again and again, whichever node routes the question."""
        while not self._stop:
            begun = self.now
            reply = await self.bare.insist("counter", self.key, "value", seconds=60)
            self.history.append(Operation(begun, self.now, reply.result["value"], read=True))
            await asyncio.sleep(0.01)

    async def read_from_the_owner(self, partition: int) -> None:
        """Ask whoever believes to own the partition, and take the answer whenever it comes: also from a node that was stopped
        when the question reached its socket."""
        inbox = self.bare.connection.new_inbox()

        async def answered(message: Msg) -> None:
            begun = self._open.pop(message.subject.rpartition(".")[2])
            if not message.headers:
                value = int(message.data.decode().removeprefix('{"value":').removesuffix("}"))
                self.history.append(Operation(begun, self.now, value, read=True))

        await self.bare.connection.subscribe(f"{inbox}.*", cb=answered)
        while not self._stop:
            id = new_id()
            self._open[id] = self.now
            subject = f"natya.call.counter.{partition}.{self.key}.value"
            await self.bare.connection.publish(subject, b"", reply=f"{inbox}.{id}")
            await asyncio.sleep(0.02)

    def stop(self) -> None:
        self._stop = True


async def last_record(bare: Bare, partition: int) -> dict[str, object]:
    return (await bare.records("counter", partition))[-1]


async def owner(cluster: Cluster, bare: Bare, partition: int) -> tuple[Worker, str, int]:
    record = await last_record(bare, partition)
    incarnation = str(record["node"])
    return cluster.worker(incarnation), incarnation, int(str(record["epoch"]))


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [2.2, 6.0], ids=["shorter than the lease", "longer than the lease"])
async def test_a_stopped_owner_never_commits_and_never_answers_from_the_past(tmp_path: Path, seconds: float) -> None:
    random = chance(int(os.environ.get("NATYA_TEST_SEED", secrets.randbelow(1 << 32))))
    async with Cluster(tmp_path, workers=3) as cluster, bare_client(cluster.nats.url) as bare:
        key = f"c{random.randrange(1000)}"
        partition = partition_of(key, PARTITIONS)
        callers = Callers(bare, key)
        async with asyncio.TaskGroup() as tasks:
            for work in (*[callers.increment] * 4, *[callers.read] * 2):
                tasks.create_task(work())
            tasks.create_task(callers.read_from_the_owner(partition))
            await grown(callers, 50)
            frozen, incarnation, epoch = await owner(cluster, bare, partition)
            await asyncio.sleep(random.uniform(0, 0.5))
            freeze(frozen)
            try:
                if seconds > 3:
                    await until(lambda: owner(cluster, bare, partition), lambda found: found[2] > epoch)
                    await grown(callers, 50)
                else:
                    await asyncio.sleep(seconds)
            finally:
                thaw(frozen)
            await grown(callers, 100)
            await grown(callers, 100)  # and whatever it still had to say has come
            callers.stop()
        assert not callers.failures
        assert explain(callers.history) == []
        records = await bare.records("counter", partition)
        if seconds > 3:
            after = [record["node"] for record in records if record["epoch"] > epoch]
            assert after
            assert incarnation not in after
        await check_journals(bare, "counter", PARTITIONS)
        answered = [operation.value for operation in callers.history if not operation.read]
        final = (await bare.insist("counter", key, "value")).result["value"]
        assert final == len(answered)
        assert sum(turn["key"] == key for record in records for turn in record.get("turns", [])) >= len(answered)


async def grown(callers: Callers, by: int) -> None:
    """Wait until this many more increments were answered."""
    wanted = increments(callers) + by

    async def probe() -> int:
        return increments(callers)

    await until(probe, lambda count: count >= wanted, limit=60)


def increments(callers: Callers) -> int:
    return sum(1 for operation in callers.history if not operation.read)


@pytest.mark.slow
async def test_a_worker_that_is_stopped_and_replaced_under_its_name_stays_out(tmp_path: Path) -> None:
    """Its successor has the name and another incarnation; when the old process goes on it finds itself ended."""
    async with Cluster(tmp_path, workers=1) as cluster, bare_client(cluster.nats.url) as bare:
        assert (await bare.insist("counter", "a", "increment")).result == {"value": 1}
        partition = partition_of("a", PARTITIONS)
        old, incarnation, _ = await owner(cluster, bare, partition)
        freeze(old)
        new = cluster.new_worker(old.name)
        cluster.workers.append(new)
        await new.start()
        assert (await bare.insist("counter", "a", "increment", seconds=60)).result == {"value": 2}
        thaw(old)
        found_out = asyncio.create_task(logged(old, "lease_lost"))
        for value in count(3):
            assert (await bare.insist("counter", "a", "increment", seconds=60)).result == {"value": value}
            assert (await bare.insist("counter", "a", "value", seconds=60)).result == {"value": value}
            if value > 100 and found_out.done():
                break
        await found_out
        records = await bare.records("counter", partition)
        assert records[-1]["node"] != incarnation
        await check_journals(bare, "counter", PARTITIONS)
