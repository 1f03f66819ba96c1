"""From `kill -9` of an actor's owner to the next success, as a caller sees it that repeats by the protocol.

Three workers host everything that ships. Each time, the owner of an actor is killed while the actor is asked, and started
again afterwards. An attempt is given up after `ATTEMPT`, and the next follows at once: whatever goes wrong is one of them.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import time
from contextlib import AsyncExitStack
from typing import Final

from nats.aio.client import Client
from nats.errors import Error

from natya.names import DEFAULT_PARTITIONS, partition_of
from natya_ops.bench.bed import ASK, DEPOSIT, Bed
from natya_ops.bench.figures import BenchError, Bound, Budget, Measurement, Spread
from natya_ops.bench.options import Measure, Options
from natya_ops.bench.progress import Say
from natya_ops.up.programs import Worker

WORKERS: Final = 3
KEYS: Final = 200
ATTEMPT: Final = 0.05
"""Seconds after which an attempt without an answer is repeated."""
LIMIT: Final = 30.0
CALM: Final = 1.0
"""Seconds between the restart of a worker and the next kill: it gets its partitions back meanwhile."""


async def measure_failover(bed: Bed, options: Options, say: Say) -> Measurement:
    """Take the measure. Raises `BenchError`."""
    waits: list[float] = []
    async with AsyncExitStack() as stack:
        workers = {
            f"failover-{n}": await stack.enter_async_context(bed.worker(f"failover-{n}")) for n in range(1, WORKERS + 1)
        }
        for number in range(options.kills):
            say(f"kill {number + 1} of {options.kills}")
            key = f"f{random.randrange(KEYS)}"
            await insist(bed.nats_py, key)
            victim = await owner(bed.nats_py, key, workers)
            await victim.kill()
            began = time.monotonic()
            await insist(bed.nats_py, key)
            waits.append(time.monotonic() - began)
            await victim.start()
            await asyncio.sleep(CALM)
    waits.sort()
    return Measurement(
        Measure.FAILOVER,
        f"kill -9 of an owner to the next success, 99th percentile of {len(waits)} kills",
        "ms",
        Spread.of([waits[int(len(waits) * 0.99)] * 1000]),
        Budget(Bound.AT_MOST, 200.0),
        details={
            "p50_ms": statistics.median(waits) * 1000,
            "p90_ms": waits[int(len(waits) * 0.9)] * 1000,
            "max_ms": waits[-1] * 1000,
            "attempt_ms": ATTEMPT * 1000,
            "workers": WORKERS,
        },
    )


async def insist(connection: Client, key: str) -> None:
    """Deposit under one id until that is answered. Raises `BenchError`."""
    headers = {"Natya-Id": f"{random.getrandbits(64):x}", "Natya-Sent": f"{int(time.time() * 1000)}"}
    subject, end, attempt = ASK.format(key) + "deposit", time.monotonic() + LIMIT, 0
    while time.monotonic() < end:
        attempt += 1
        headers["Natya-Attempt"] = f"{attempt}"
        try:
            reply = await connection.request(subject, DEPOSIT.encode(), timeout=ATTEMPT, headers=headers)
        except Error:
            pass
        else:
            if "Nats-Service-Error-Code" not in (reply.headers or {}):
                return
        await asyncio.sleep(0.005)
    raise BenchError(f"nobody answered for {key} within {LIMIT:.0f} s")


async def owner(connection: Client, key: str, workers: dict[str, Worker]) -> Worker:
    """The worker that owns the key's partition. Raises `BenchError`."""
    partition = partition_of(key, DEFAULT_PARTITIONS)
    entry = await connection.jetstream().get_last_msg("KV_natya_cluster", f"$KV.natya_cluster.owner.account.{partition}")
    node = json.loads(entry.data or b"{}").get("node") or ""
    for name, worker in workers.items():
        if node.startswith(f"{name}-"):
            return worker
    raise BenchError(f"partition {partition} is owned by {node!r}, none of the workers")
