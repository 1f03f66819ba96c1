"""What the edge adds: durable commands over HTTP beside the same edge answering from an echo, and beside aiohttp that does nothing.

For the edge the echo is a kind like any other: its manifest is that of ``account`` under another name, and what answers its calls is the raw echo.
So both sides take the same way through the edge, and what differs is what is behind NATS.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

import orjson

from natya_edge.auth.dev_secret import make_dev_token
from natya_ops.bench.bed import DEPOSIT, Bed
from natya_ops.bench.figures import BenchError, Bound, Budget, Measurement, Spread
from natya_ops.bench.options import Measure, Options
from natya_ops.bench.progress import Say
from natya_ops.bench.throughput import Contest, contend, key_names
from natya_ops.bench.work import Work

EDGE_MEASURES: Final = frozenset({Measure.EDGE, Measure.EDGE_BARE, Measure.EDGE_ONE, Measure.EDGE_OVERLOAD})
COMMAND: Final = "/v1/actors/{kind}/{{}}/deposit"
CONNECTIONS: Final = 2_000
"""More than an edge takes requests at a time."""
FLOOD_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Doors:
    """Where the edge and bare aiohttp listen, and a token for the former."""

    edge: str
    bare: str
    token: str

    def deposits(self, base: str, kind: str, options: Options) -> Work:
        """Deposits to actors of ``kind``."""
        subject = base + COMMAND.format(kind=kind)
        return Work(subject, key_names(options.keys), DEPOSIT, options.callers, options.seconds, token=self.token)


@asynccontextmanager
async def open_doors(bed: Bed) -> AsyncIterator[Doors]:
    """An edge and a bare server on a bed that has a worker and an echo."""
    kinds = await bed.nats_py.jetstream().key_value("natya_kinds")
    account = (await kinds.get("account")).value
    if account is None:
        raise BenchError("no worker has told of the kind account")
    await kinds.put("echo", orjson.dumps({**orjson.loads(account), "kind": "echo"}))
    secret = secrets.token_hex(32)
    async with bed.edge(secret) as edge, bed.bare() as bare:
        yield Doors(edge, bare, make_dev_token(secret))


def edge_contests(doors: Doors, options: Options) -> list[Contest]:
    """The measures that compare."""
    echo, bare = doors.deposits(doors.edge, "echo", options), doors.deposits(doors.bare, "account", options)
    asks = doors.deposits(doors.edge, "account", options)
    long = replace(asks, seconds=max(options.seconds, options.cycle))
    return [
        Contest(
            Measure.EDGE, f"durable commands over HTTP, {options.callers} callers", Budget(Bound.AT_LEAST, 0.6), echo, long,
            baseline_title="the edge over an echo",
        ),
        Contest(
            Measure.EDGE_BARE, "the same beside bare aiohttp", Budget(Bound.AT_LEAST, 0.15), bare, long,
            baseline_title="bare aiohttp",
        ),
        Contest(
            Measure.EDGE_ONE, "durable command over HTTP, one caller, median", Budget(Bound.AT_MOST, 3.0),
            replace(echo, callers=1), replace(asks, callers=1), latency=True, baseline_title="the edge over an echo",
        ),
    ]  # fmt: skip


async def take(bed: Bed, contest: Contest, options: Options, say: Say) -> Measurement:
    """Take one of them, everything warm."""
    await bed.run(replace(contest.baseline, seconds=1.0))
    await bed.run(replace(contest.subject, requests=options.keys))
    return await contend(bed, contest, options, say)


async def measure_overload(bed: Bed, doors: Doors, options: Options, say: Say) -> Measurement:
    """Goodput at twice the load that can be done, beside the most that can be done. Raises `BenchError`."""
    asks = replace(doors.deposits(doors.edge, "account", options), seconds=max(options.seconds, options.cycle))
    ratios, peaks, refused, waited = [], [], 0, 0.0
    for number in range(1, options.pairs + 1):
        await bed.settle()
        say(f"overload: the most that can be done, {number} of {options.pairs}")
        peak = (await bed.run(asks)).rate
        await bed.settle()
        say(f"overload: twice that, {number} of {options.pairs}")
        flood = replace(
            asks, rate=2 * peak, callers=CONNECTIONS, seconds=max(asks.seconds, FLOOD_SECONDS if options.cycle else 1.0)
        )
        done = await bed.run(flood, tolerated=1.0)
        peaks.append(peak)
        ratios.append(done.rate / peak)
        refused += done.refused
        waited = max(waited, done.refusals.get("p99", 0.0))
    return Measurement(
        Measure.EDGE_OVERLOAD,
        "commands over HTTP at twice the load that can be done: goodput",
        "of the peak",
        Spread.of(ratios),
        Budget(Bound.AT_LEAST, 0.8),
        details={"peak_per_second": Spread.of(peaks).median, "refused": refused, "refused_p99_ms": waited * 1_000},
    )
