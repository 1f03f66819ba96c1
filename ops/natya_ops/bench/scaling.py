"""How cost grows with nodes, partitions and kinds: ``python -m natya_ops.bench.scaling``.

For each combination servers and workers of its own are started, and two things are measured: what passes while nobody asks anything,
and what one durable ask costs under load. Counts come from nats-server's monitoring (``/varz``, ``/subsz``, ``/jsz``), CPU time and
memory from ``/proc``. Where workers outnumber cores, requests per second say nothing about more machines; counts and CPU time
per request do.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import sys
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from natya_ops.bench import metrics
from natya_ops.bench.bed import Bed, open_bed
from natya_ops.bench.machine import describe
from natya_ops.bench.tap import tapped
from natya_ops.bench.usage import Meter, resident_bytes
from natya_ops.bench.work import Work, as_json
from natya_ops.servers import NatsServer

APPLICATION: Final = "natya_ops.bench.scaled_kinds"
KEYS: Final = [f"k{number}" for number in range(1_000)]
CALLERS: Final = 256
SETTLING: Final = 6.0
"""Seconds left to the start's aftermath: two leases."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What runs: so many workers, kinds, and partitions of each kind."""

    workers: int
    partitions: int
    kinds: int = 1


@dataclass(slots=True)
class Cost:
    """What it costs. ``idle`` is a second's worth of nothing to do: messages into and out of NATS, CPU as parts of a core, and the
    messages by purpose. ``ask`` is one durable ask under load: messages, microseconds of CPU, appends."""

    shape: Shape
    subscriptions: int = 0
    consumers: int = 0
    streams: int = 0
    memory_mib: dict[str, float] = field(default_factory=dict)
    idle: dict[str, float] = field(default_factory=dict)
    purposes: dict[str, float] = field(default_factory=dict)
    ask: dict[str, float] = field(default_factory=dict)
    asks_per_second: float = 0.0


async def measure(shape: Shape, folder: Path, *, idle: float, load: float) -> Cost:
    """Run it and measure."""
    async with open_bed(folder) as bed, _workers(bed, shape) as pids:
        await asyncio.sleep(SETTLING)
        cost = Cost(shape)
        await _count(bed, cost)
        cost.memory_mib = {
            "nats": resident_bytes(bed.nats.pid) / 1024**2,
            "worker": sum(map(resident_bytes, pids.values())) / len(pids) / 1024**2,
        }
        roles = {"nats": bed.nats.pid, **pids}
        before = await _traffic(bed.nats)
        with Meter(roles) as meter:
            await asyncio.sleep(idle)
        after = await _traffic(bed.nats)
        cost.idle = {name: (after[name] - before[name]) / meter.seconds for name in after}
        cost.idle |= {f"cpu_{role}": seconds / meter.seconds for role, seconds in _by_role(meter).items()}
        async with tapped(bed.nats.url) as seen:
            began = dict(seen)
            await asyncio.sleep(idle)
            cost.purposes = {name: (count - began.get(name, 0)) / idle for name, count in seen.most_common()}
        await _load(bed, shape, roles, cost, load)
    return cost


async def _load(bed: Bed, shape: Shape, roles: dict[str, int], cost: Cost, seconds: float) -> None:
    work = Work("natya.ask.sum_0.{}.add", KEYS, '{"amount":1}', callers=CALLERS, seconds=seconds)
    await bed.run(dataclasses.replace(work, seconds=2.0))
    workers = [role for role in roles if role != "nats"]
    before, commits = await _traffic(bed.nats), await _commits(bed, workers)
    with Meter(roles) as meter:
        done = await bed.run(work)
    after, commits_after = await _traffic(bed.nats), await _commits(bed, workers)
    cost.asks_per_second = done.rate
    cost.ask = {name: (after[name] - before[name]) / done.succeeded for name in after}
    cost.ask |= {f"us_{role}": used * 1e6 / done.succeeded for role, used in _by_role(meter).items()}
    cost.ask["appends"] = (commits_after - commits) / done.succeeded


@asynccontextmanager
async def _workers(bed: Bed, shape: Shape) -> AsyncIterator[dict[str, int]]:
    """So many workers, all ready; their process ids by their names."""
    async with AsyncExitStack() as stack:
        started = await asyncio.gather(
            *(
                stack.enter_async_context(
                    bed.worker(
                        f"worker-{number}",
                        app=APPLICATION,
                        bench_kinds=shape.kinds,
                        bench_partitions=shape.partitions,
                    )
                )
                for number in range(1, shape.workers + 1)
            )
        )
        yield {worker.name: worker.pid for worker in started}


async def _count(bed: Bed, cost: Cost) -> None:
    cost.subscriptions = int((await monitored(bed.nats, "/subsz"))["num_subscriptions"])
    found = await monitored(bed.nats, "/jsz")
    cost.streams, cost.consumers = int(found["streams"]), int(found["consumers"])


async def _traffic(server: NatsServer) -> dict[str, float]:
    found = await monitored(server, "/varz")
    return {name: float(found[name]) for name in ("in_msgs", "out_msgs", "in_bytes", "out_bytes")}


async def _commits(bed: Bed, workers: Sequence[str]) -> float:
    return sum([(await bed.metrics(name))[metrics.COMMITS] for name in workers])


def _by_role(meter: Meter) -> dict[str, float]:
    """CPU seconds of NATS, and of all workers together."""
    nats = meter.cpu["nats"]
    return {"nats": nats, "workers": sum(meter.cpu.values()) - nats}


async def monitored(server: NatsServer, path: str) -> dict[str, Any]:
    """What nats-server's monitoring says."""

    def read() -> dict[str, Any]:
        with urllib.request.urlopen(server.monitor + path, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    return await asyncio.to_thread(read)


def table(costs: Sequence[Cost]) -> str:
    """The figures as a table in Markdown."""
    lines = [
        "| workers | partitions | kinds | subscriptions | consumers | streams | idle: in/s | out/s | CPU nats | CPU worker | MiB nats | "
        "MiB worker | asks/s | ask: in | out | appends | µs nats | µs workers |",
        "|" + "---|" * 18,
    ]
    for cost in costs:
        shape, idle, ask = cost.shape, cost.idle, cost.ask
        cells = [
            str(shape.workers), str(shape.partitions), str(shape.kinds), str(cost.subscriptions), str(cost.consumers),
            str(cost.streams), f"{idle['in_msgs']:.0f}", f"{idle['out_msgs']:.0f}", f"{idle['cpu_nats']:.1%}",
            f"{idle['cpu_workers'] / shape.workers:.1%}", f"{cost.memory_mib['nats']:.0f}", f"{cost.memory_mib['worker']:.0f}",
            f"{cost.asks_per_second:,.0f}", f"{ask['in_msgs']:.2f}", f"{ask['out_msgs']:.2f}", f"{ask['appends']:.3f}",
            f"{ask['us_nats']:.0f}", f"{ask['us_workers']:.0f}",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


async def run(shapes: Sequence[Shape], *, idle: float, load: float, folder: Path | None) -> list[Cost]:
    """Measure each; every combination has a temporary folder of its own."""
    costs = []
    for shape in shapes:
        print(f"{shape} …", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="natya-scaling-", dir=folder) as name:
            costs.append(await measure(shape, Path(name), idle=idle, load=load))
        print(table(costs[-1:]).splitlines()[-1], file=sys.stderr, flush=True)
    return costs


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def main() -> None:
    """Measure what the command line names and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=_numbers, default=[1, 2, 4, 8], help="comma-separated; default 1,2,4,8")
    parser.add_argument("--partitions", type=_numbers, default=[16, 64, 256], help="comma-separated; default 16,64,256")
    parser.add_argument("--kinds", type=_numbers, default=[1], help="comma-separated; default 1")
    parser.add_argument("--idle", type=float, default=10.0, help="seconds of doing nothing; default 10")
    parser.add_argument("--load", type=float, default=5.0, help="seconds of load; default 5")
    parser.add_argument("--folder", type=Path, help="where the temporary data goes: the disk that is measured")
    parser.add_argument("--json", type=Path, help="a file for all figures")
    given = parser.parse_args()
    shapes = [
        Shape(workers, partitions, kinds)
        for workers in given.workers
        for partitions in given.partitions
        for kinds in given.kinds
    ]
    machine = describe(given.folder or Path(tempfile.gettempdir()))
    costs = asyncio.run(run(shapes, idle=given.idle, load=given.load, folder=given.folder))
    print(table(costs))
    if given.json is not None:
        given.json.write_text(json.dumps({"machine": as_json(machine), "costs": as_json(costs)}, indent=1))


if __name__ == "__main__":
    main()
