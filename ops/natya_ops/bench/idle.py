"""What the whole platform uses while nobody asks anything: ``natya up`` with one worker, all its processes together."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from natya_ops.bench.figures import Bound, Budget, Measurement, Spread
from natya_ops.bench.options import Measure, Options
from natya_ops.bench.progress import Say
from natya_ops.bench.usage import Meter
from natya_ops.servers.base import Child
from natya_ops.up.programs import NATYA

SETTLING = 5.0
"""Seconds left to the start's aftermath."""


class Up(Child):
    """``natya up`` on ``data``; ``pids`` are its processes by role, itself included, once it is ready."""

    role = "up"
    grace = 60.0

    def __init__(self, data: Path) -> None:
        super().__init__("natya up", data.with_suffix(".log"))
        self._data = data
        self.pids: dict[str, int] = {}

    async def start(self) -> None:
        ports = ("--http-port=0", "--nats-port=0", "--store-port=0")
        program = (*NATYA, "up", "--workers", "1", "--data", str(self._data), *ports, "--json")
        process = await self._spawn(program, piped=True)
        if not await self._becomes_ready(process, self._ready()):
            raise await self._ended_early(process)

    async def _ready(self) -> None:
        async for line in self.process.output:
            said = json.loads(line)
            if said["event"] == "ready":
                pids = said["pids"]
                self.pids = {
                    "up": self.pid, "nats": pids["nats"], "store": pids["store"], "edge": pids["edge"][0],
                    "worker": pids["workers"][0],
                }  # fmt: skip
                return
        await asyncio.Event().wait()


async def measure_idle(folder: Path, options: Options, say: Say) -> Measurement:
    """Take the measure. Raises `ConfigurationError`."""
    say("starting natya up")
    async with Up(folder / "up") as up:
        await asyncio.sleep(min(SETTLING, options.idle_seconds))
        say(f"watching it for {options.idle_seconds:g} s")
        with Meter(up.pids) as meter:
            await asyncio.sleep(options.idle_seconds)
    percent = {role: used / meter.seconds * 100 for role, used in meter.cpu.items()}
    return Measurement(
        Measure.IDLE,
        f"idle platform, one worker, {options.idle_seconds:g} s",
        "% of a core",
        Spread.of([meter.share * 100]),
        Budget(Bound.AT_MOST, 2.0),
        details={"percent": percent},
    )
