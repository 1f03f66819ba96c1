"""Memory per resident idle actor.

The worker's resident memory is read twice, before and after many new actors handled one deposit each and were written to the store.
The growth is divided by their number, and the JSON text of the state is taken off. So it is all that an actor costs while
it is idle: activation, state as an object and as text, its id in the index, the allocator's waste. A first lot of actors
beforehand has brought code, pools and buffers to their size. For comparison the same with actors that were only queried.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from natya_ops.bench import metrics
from natya_ops.bench.bed import ASK, DEPOSIT, Bed
from natya_ops.bench.figures import BenchError, Bound, Budget, Measurement, Spread
from natya_ops.bench.options import Measure, Options
from natya_ops.bench.progress import Say
from natya_ops.bench.throughput import key_names
from natya_ops.bench.usage import resident_bytes
from natya_ops.bench.work import Work

STATE: Final = len('{"balance":1}')
CHUNK: Final = 5_000
WRITE_RATE: Final = 150
"""Snapshots per second that the slowest store writes: how long to wait for them."""

PATIENCE: Final = 30.0


async def measure_memory(bed: Bed, options: Options, say: Say) -> Measurement:
    """Take the measure. Raises `BenchError`."""
    count = options.actors
    # Snapshots are written without pause, so that the wait for them is as short as the store allows.
    async with bed.worker(snapshot_pause=0, snapshot_interval=0.01, unwritten_limit=2 * count + 100_000) as worker:

        async def growth(prefix: str, method: str, body: str) -> float:
            before = resident_bytes(worker.pid)
            await _use(bed, key_names(count, prefix), method, body, say)
            return (resident_bytes(worker.pid) - before) / count

        await _use(bed, key_names(max(count // 10, 1_000), "warm"), "deposit", DEPOSIT, say)
        used = await growth("used", "deposit", DEPOSIT) - STATE
        queried = await growth("queried", "balance", "") - STATE
        total = resident_bytes(worker.pid)
    return Measurement(
        Measure.MEMORY,
        f"memory per idle actor above its state, {count:,} of them",
        "KiB",
        Spread.of([used / 1024]),
        Budget(Bound.AT_MOST, 2.0),
        details={"only_queried_kib": queried / 1024, "state_bytes": STATE, "worker_mib": total / 1024**2},
    )


async def _use(bed: Bed, keys: Sequence[str], method: str, body: str, say: Say) -> None:
    """Ask each actor once, then wait until all is written and the worker is idle."""
    before = (await bed.metrics())[metrics.RESIDENT]
    for first in range(0, len(keys), CHUNK):
        say(f"{method} on {len(keys):,} actors: {first:,} done")
        chunk = keys[first : first + CHUNK]
        await bed.run(Work(ASK + method, chunk, body, callers=256, requests=len(chunk)))
    if not await bed.written(say, limit=PATIENCE + len(keys) / WRITE_RATE):
        raise BenchError(f"fewer than {WRITE_RATE} snapshots a second are written: the store is too slow for this measure")
    grown = (await bed.metrics())[metrics.RESIDENT] - before
    if grown < len(keys):
        raise BenchError(f"only {grown:,.0f} of {len(keys):,} actors stayed in memory")
    await bed.settle()
