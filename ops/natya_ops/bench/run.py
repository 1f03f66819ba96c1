"""The run: every measure that was chosen, one after another, and a report even if some of them fail."""

from __future__ import annotations

import importlib.metadata
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path

from nats.errors import Error

from natya.errors import ConfigurationError
from natya_ops.bench.bed import Bed, open_bed
from natya_ops.bench.edge import EDGE_MEASURES, edge_contests, measure_overload, open_doors, take
from natya_ops.bench.failover import measure_failover
from natya_ops.bench.figures import BenchError, Measurement
from natya_ops.bench.handover import measure_handover
from natya_ops.bench.idle import measure_idle
from natya_ops.bench.machine import describe
from natya_ops.bench.memory import measure_memory
from natya_ops.bench.options import Measure, Options
from natya_ops.bench.profiling import profile
from natya_ops.bench.progress import Say
from natya_ops.bench.recovery import measure_recovery
from natya_ops.bench.report import Report
from natya_ops.bench.throughput import contend, contests, warm_up
from natya_ops.servers.store_server import command

FAILURES = (BenchError, ConfigurationError, Error, OSError)
"""What ends one measure and not the run (a time-out is an `OSError`)."""


async def run(options: Options, say: Say) -> Report:
    """Measure. Raises `ConfigurationError` if not even the servers can be started.

    What was written is deleted at the end, but kept, for its logs, if a measure failed.
    """
    folder = Path(tempfile.mkdtemp(prefix="natya-bench-", dir=options.folder))
    failed = False
    try:
        report = await _Run(options, say, folder).report()
        if failed := bool(report.failed):
            report.kept = str(folder)
    finally:
        if not failed:
            shutil.rmtree(folder, ignore_errors=True)
    return report


class _Run:
    def __init__(self, options: Options, say: Say, folder: Path) -> None:
        self._options = options
        self._say = say
        self._folder = folder
        self._report = Report(describe(folder), options)

    async def report(self) -> Report:
        options, say = self._options, self._say
        under_load = [contest for contest in contests(options) if contest.measure in options.only]
        if under_load:
            async with self._bed("load") as bed, bed.worker(), bed.echo():
                say("warming up")
                try:
                    await warm_up(bed, options)
                except FAILURES as error:
                    self._failed("warm-up", error)
                    under_load = []
                for contest in under_load:
                    await self._take(contest.measure, contend(bed, contest, options, say))
        if EDGE_MEASURES & set(options.only):
            async with self._bed("edge") as bed, bed.worker(), bed.echo(), open_doors(bed) as doors:
                for contest in edge_contests(doors, options):
                    if contest.measure in options.only:
                        await self._take(contest.measure, take(bed, contest, options, say))
                if Measure.EDGE_OVERLOAD in options.only:
                    await self._take(Measure.EDGE_OVERLOAD, measure_overload(bed, doors, options, say))
        if Measure.MEMORY in options.only:
            async with self._bed("memory") as bed:
                await self._take(Measure.MEMORY, measure_memory(bed, options, say))
        if Measure.RECOVERY in options.only:
            async with self._bed("recovery") as bed:
                await self._take(Measure.RECOVERY, measure_recovery(bed, options, say))
        if Measure.FAILOVER in options.only:
            async with self._bed("failover") as bed:
                await self._take(Measure.FAILOVER, measure_failover(bed, options, say))
        if Measure.HANDOVER in options.only:
            async with self._bed("handover") as bed:
                await self._take(Measure.HANDOVER, measure_handover(bed, options, say))
        if Measure.IDLE in options.only:
            await self._take(Measure.IDLE, measure_idle(self._folder, options, say))
        if options.profile:
            async with self._bed("profile") as bed, bed.echo():
                try:
                    self._report.profile = await profile(bed, self._folder, options, say)
                except FAILURES as error:
                    self._failed("profile", error)
        return self._report

    @asynccontextmanager
    async def _bed(self, name: str) -> AsyncIterator[Bed]:
        self._say("starting servers")
        async with open_bed(self._folder / name) as bed:
            machine = self._report.machine
            version = bed.nats_py.connected_server_version
            machine["nats"] = f"nats-server {version.major}.{version.minor}.{version.patch}, sync_interval: always"
            machine["store"] = await _store(bed)
            yield bed

    async def _take(self, measure: Measure, work: Awaitable[Measurement]) -> None:
        try:
            self._report.measurements.append(await work)
        except FAILURES as error:
            self._failed(measure, error)

    def _failed(self, what: str, error: Exception) -> None:
        self._report.failed[what] = str(error) or type(error).__name__


async def _store(bed: Bed) -> str:
    if not shutil.which("mongod"):
        return f"SecantusDB {importlib.metadata.version('SecantusDB')}"
    return f"mongod {(await command(bed.store.port, {'buildInfo': 1}))['version']}"
