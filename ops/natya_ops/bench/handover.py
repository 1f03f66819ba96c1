"""What plain requests notice of workers that come, go and restart: those that failed, and the longest stall.

The callers send what `nats req` sends, no id and no retry. First nothing moves; then a worker is added, and each is
drained and started again. The stall is the longest answer of that time less the longest while nothing moved, in this run.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Final

from nats.aio.client import Client
from nats.errors import Error

from natya_ops.bench.bed import ASK, DEPOSIT, Bed
from natya_ops.bench.figures import BenchError, Bound, Budget, Measurement, Spread
from natya_ops.bench.options import Measure, Options
from natya_ops.bench.progress import Say

WORKERS: Final = 2
CALLERS: Final = 8
KEYS: Final = 200
PAUSE: Final = 0.01
"""Seconds between an answer and the caller's next request: the machine is not to be busy with the load alone."""
CALM: Final = 2.0
"""Seconds after each move, in which partitions are spread evenly again."""


class Plain:
    """The callers, and what they saw."""

    def __init__(self, connection: Client) -> None:
        self._connection = connection
        self._stop = False
        self.longest = 0.0
        self.done = 0
        self.failures: list[str] = []

    async def call(self, caller: int) -> None:
        number = caller
        while not self._stop:
            number += CALLERS + 1
            began = time.monotonic()
            try:
                reply = await self._connection.request(
                    ASK.format(f"h{number % KEYS}") + "deposit", DEPOSIT.encode(), timeout=20
                )
            except Error as error:
                self.failures.append(str(error) or type(error).__name__)
            else:
                if "Nats-Service-Error-Code" in (reply.headers or {}):
                    self.failures.append(reply.data.decode(errors="replace"))
            self.done += 1
            self.longest = max(self.longest, time.monotonic() - began)
            await asyncio.sleep(PAUSE)

    def stop(self) -> None:
        self._stop = True

    def lap(self) -> float:
        """The longest since the last time this was asked, in seconds."""
        longest, self.longest = self.longest, 0.0
        return longest


async def measure_handover(bed: Bed, options: Options, say: Say) -> Measurement:
    """Take the measure. Raises `BenchError` if a request failed."""
    plain = Plain(bed.nats_py)
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(bed.worker(f"handover-{n}")) for n in range(1, WORKERS + 1)]
        async with asyncio.TaskGroup() as callers:
            for caller in range(CALLERS):
                callers.create_task(plain.call(caller))
            say("nothing moves")
            await asyncio.sleep(CALM)
            plain.lap()
            await asyncio.sleep(max(CALM, 4 * options.seconds))
            quiet = plain.lap()
            say("a worker is added")
            workers.append(await stack.enter_async_context(bed.worker(f"handover-{WORKERS + 1}")))
            await asyncio.sleep(CALM)
            laps = {"added": plain.lap()}
            for number, worker in enumerate(workers, 1):
                say(f"worker {number} is drained and started again")
                await worker.stop()
                await worker.start()
                await asyncio.sleep(CALM)
                laps[f"restarted_{number}"] = plain.lap()
            plain.stop()
    if plain.failures:
        raise BenchError(f"{len(plain.failures)} of {plain.done} plain requests failed; the first: {plain.failures[0]}")
    return Measurement(
        Measure.HANDOVER,
        f"hand-over: longest stall above the quiet maximum, {plain.done:,} plain requests, none failed",
        "ms",
        Spread.of([max(0.0, max(laps.values()) - quiet) * 1000]),
        Budget(Bound.AT_MOST, 50.0),
        details={"quiet_ms": quiet * 1000} | {f"{what}_ms": longest * 1000 for what, longest in laps.items()},
    )
