"""Recovery of one partition whose snapshots were never written.

A worker that writes no snapshots handles many deposits on a few hundred keys of one partition, and is killed. Another, with the usual
settings, takes over when the first one's lease has ended. Measured is the time from winning the partition's owner key to
serving it: by the worker's own log, and from outside as a watcher of the owner keys and a caller see it. The caller's deposit
must then be answered with the right balance.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from nats.errors import Error

from natya.names import DEFAULT_PARTITIONS, partition_of
from natya_ops.bench.bed import ASK, DEPOSIT, Bed
from natya_ops.bench.figures import BenchError, Bound, Budget, Measurement, Spread
from natya_ops.bench.options import Measure, Options
from natya_ops.bench.progress import Say
from natya_ops.bench.work import Work

T = TypeVar("T")

PARTITION: Final = 3
KEYS: Final = 400
NEVER: Final = 86_400
LIMIT: Final = 120.0
"""Seconds until the second worker must have answered."""


async def measure_recovery(bed: Bed, options: Options, say: Say) -> Measurement:
    """Take the measure. Raises `BenchError`."""
    keys = keys_of(PARTITION, KEYS)
    async with bed.worker("first", snapshot_interval=NEVER) as first:
        say(f"{options.turns:,} deposits to partition {PARTITION}")
        done = await bed.run(Work(ASK + "deposit", keys, DEPOSIT, callers=256, requests=options.turns))
        if done.failed:
            raise BenchError(f"{done.failed} deposits failed; the first: {done.failure}")
        await first.kill()
    killed = time.monotonic()
    say("recovering")
    async with (
        beside(_claimed(bed)) as claimed,
        beside(_first_success(bed, keys[0])) as asked,
        bed.worker("second") as second,
    ):
        balance, succeeded = await asked
        claim = await claimed
        expected = options.turns // KEYS + (options.turns % KEYS > 0) + 1
        if balance != expected:
            raise BenchError(f"the balance of {keys[0]} is {balance} after recovery, not {expected}")
        logged = await recovered(second.log, PARTITION)
    served = succeeded - claim
    return Measurement(
        Measure.RECOVERY,
        f"recovery of a partition with {options.turns:,} unwritten turns",
        "s",
        Spread.of([logged["seconds"] if logged else served]),
        Budget(Bound.AT_MOST, 2.0),
        details={
            "from": "the worker's log" if logged else "the claim to the first success",
            "claim_to_first_success_s": served,
            "kill_to_first_success_s": succeeded - killed,
            "keys": KEYS,
        }
        | {name: logged[name] for name in ("records", "actors") if logged},
    )


def keys_of(partition: int, count: int) -> list[str]:
    """So many keys of one partition of a kind with the usual number of partitions."""
    found: list[str] = []
    number = 0
    while len(found) < count:
        if partition_of(f"r{number}", DEFAULT_PARTITIONS) == partition:
            found.append(f"r{number}")
        number += 1
    return found


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, T]) -> AsyncIterator[asyncio.Task[T]]:
    """Do ``work`` while the body runs; what is not done at its end is cancelled."""
    task = asyncio.create_task(work, name="beside")
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _claimed(bed: Bed) -> float:
    """When the owner key of the partition changes hands."""
    bucket = await bed.nats_py.jetstream().key_value("natya_cluster")
    watcher = await bucket.watch(f"owner.account.{PARTITION}")
    former = None
    try:
        async for entry in watcher:
            node = json.loads(entry.value)["node"] if entry is not None and entry.value else None
            if node is None:
                continue
            if former not in (None, node):
                return time.monotonic()
            former = node
    finally:
        await watcher.stop()  # type: ignore[no-untyped-call]
    raise BenchError("the watch of the owner keys ended")


async def _first_success(bed: Bed, key: str) -> tuple[int, float]:
    """Deposit under one id until that is answered; the balance, and when."""
    headers = {"Natya-Id": "after-recovery", "Natya-Sent": str(int(time.time() * 1000))}
    subject = ASK.replace("{}", key) + "deposit"
    end = time.monotonic() + LIMIT
    last = "no answer"
    while time.monotonic() < end:
        try:
            reply = await bed.nats_py.request(subject, DEPOSIT.encode(), timeout=10, headers=headers)
        except Error as error:
            last = str(error)
        else:
            if "Nats-Service-Error-Code" not in (reply.headers or {}):
                return int(json.loads(reply.data)["balance"]), time.monotonic()
            last = reply.data.decode(errors="replace")
        await asyncio.sleep(0.01)
    raise BenchError(f"nobody took over within {LIMIT:.0f} s; the last answer: {last}")


async def recovered(log: Path, partition: int, *, patience: float = 5.0) -> dict[str, Any] | None:
    """The line that a worker's log has on the recovery of the partition; None if there is none within ``patience`` seconds."""
    end = time.monotonic() + patience
    while True:
        event = _find(log, partition)
        if event is not None or time.monotonic() > end:
            return event
        await asyncio.sleep(0.1)


def _find(log: Path, partition: int) -> dict[str, Any] | None:
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith("{") and '"partition_recovered"' in line:
            event: dict[str, Any] = json.loads(line)
            if event["kind"] == "account" and event["partition"] == partition:
                return event
    return None
