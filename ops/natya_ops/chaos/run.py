"""A run: a platform is started or joined, loaded, broken as planned, healed, and what it promised is checked."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Final

from natya.errors import ConfigurationError, NatyaError
from natya.settings import Settings
from natya_ops.chaos.checks import Evidence, Verdict, examine
from natya_ops.chaos.collect import Streams
from natya_ops.chaos.faults import DEFAULT, FAULTS
from natya_ops.chaos.ground import Ground, GroundOptions
from natya_ops.chaos.kept import check_free, renew
from natya_ops.chaos.observe import Observer, Seen
from natya_ops.chaos.options import Options
from natya_ops.chaos.place import describe
from natya_ops.chaos.plan import Plan, draw
from natya_ops.chaos.progress import Display, Now, kept_shown
from natya_ops.chaos.settle import Settling
from natya_ops.chaos.workload import Cast, Load, Recorder, open_couriers
from natya_ops.cluster import Cluster, open_cluster
from natya_ops.configuration import read_settings
from natya_ops.data_folder import DataFolder

KINDS: Final = ("account", "inbox", "transfer")
SMALL_DISK: Final = 256
"""MiB for NATS where its disk is to be filled: room for what a run writes, and soon full."""


@dataclass(slots=True)
class Result:
    """What a run found. Times are seconds since it began: the first fault could begin at ``loaded``, the load ended at ``unloaded``.

    ``skipped`` are usual faults that were not possible, and why; ``settled`` says whether everything accepted was done in
    time; ``place`` is where it ran: machine, versions, configuration.
    """

    options: Options
    name: str
    plan: Plan
    place: dict[str, Any]
    skipped: dict[str, str] = field(default_factory=dict)
    loaded: float = 0.0
    unloaded: float = 0.0
    settled: bool = False
    seen: list[Seen] = field(default_factory=list)
    recorder: Recorder = field(default_factory=Recorder)
    verdicts: Sequence[Verdict] = ()
    evidence: Evidence | None = None

    @property
    def held(self) -> bool | None:
        """Whether everything that was promised was kept; None if it cannot be said."""
        answers = [verdict.ok for verdict in self.verdicts]
        if False in answers:
            return False
        return None if None in answers or not answers else True


def check(options: Options) -> None:
    """Raise `ConfigurationError` if it is clear already that this cannot be done. Nothing is started, made or deleted."""
    if options.data is None:
        check_free(options.report)
    elif DataFolder(options.data).running() is None:
        raise ConfigurationError(
            f"no natya up is ready on {options.data}: start it, or let natya chaos start a platform itself"
        )


async def run(options: Options, display: Display) -> Result:
    """Do it all. Raises `ConfigurationError`, `NatyaError` and `OSError` if it could not be done, which says nothing of the promises."""
    try:
        display.phase("starting a platform" if options.data is None else f"joining the platform on {options.data}")
        async with _ground(options) as ground:
            settings = read_settings(Settings, nats=ground.nats, store=ground.store)
            async with open_cluster(settings) as cluster:
                return await _on(ground, cluster, settings, options, display)
    except* (ConfigurationError, NatyaError, OSError) as several:
        error: BaseException = several
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
    raise error


def _ground(options: Options) -> AbstractAsyncContextManager[Ground]:
    if options.data is not None:
        return Ground.join(options.data)
    disk = SMALL_DISK if options.faults is None or "disk" in options.faults else 0
    kept = max(3_600.0, 2 * (options.seconds + options.settling))  # the checks need the whole journal
    environment = {"NATYA_INDEX_AGE": str(kept)}
    data = renew(options.report)
    return Ground.start(GroundOptions(workers=options.workers, data=data, environment=environment, small_disk=disk))


def choose(faults: Sequence[str] | None, ground: Ground) -> tuple[tuple[str, ...], dict[str, str]]:
    """The faults to be done on this ground: those asked for, or the usual ones that are possible, and why others are not. Raises
    `ConfigurationError` if one that was asked for is not possible."""
    reasons = {name: reason for name in faults or DEFAULT if (reason := FAULTS[name].possible(ground)) is not None}
    if faults is not None and reasons:
        name, reason = next(iter(reasons.items()))
        raise ConfigurationError(f"the fault {name} is not possible here: {reason}")
    return tuple(name for name in faults or DEFAULT if name not in reasons), reasons


async def _on(ground: Ground, cluster: Cluster, settings: Settings, options: Options, display: Display) -> Result:
    names, skipped = choose(options.faults, ground)
    partitions = {kind: int(cluster.manifest(kind)["partitions"]) for kind in KINDS}
    name = f"c{options.seed % 10_000}{secrets.token_hex(3)}"
    plan = draw(options.seed, options.seconds, names)
    cast = Cast.named(name, partitions["account"])
    async with open_couriers(ground.nats, ground.http, ground.token, cluster.jetstream.subjects) as couriers:
        result = Result(options, name, plan, await describe(ground, cluster, settings, couriers.connection), skipped)
        recorder = result.recorder
        async with Load(
            recorder,
            couriers,
            cast,
            seed=options.seed,
            clients=options.clients,
            rate=options.rate,
            patience=options.patience,
        ) as load:
            observer = Observer(ground, recorder, load, cast, options.seed)
            display.phase("warming up")
            await load.fill_purses()
            load.begin()
            await asyncio.sleep(options.warm_up)
            result.loaded = recorder.now()
            result.seen = observer.seen
            display.phase("breaking things")
            async with kept_shown(display, lambda: _now(result, observer)):
                await observer.carry_out(plan)
                await asyncio.sleep(max(0.0, result.loaded + options.seconds - recorder.now()))
                await asyncio.sleep(options.cool_down)
            display.phase("waiting for the last answers")
            await load.finish()
            result.unloaded = recorder.now()
            settling = Settling(recorder, load, cast, observer, Streams(cluster.jetstream, partitions))
            await settling.ask_everybody()
            result.settled = await settling.wait(options.settling, display.phase)
            display.phase("collecting the evidence")
            result.evidence = await settling.evidence(frozenset(names), result.unloaded)
            display.phase("checking")
            result.verdicts = await asyncio.to_thread(examine, result.evidence)
    return result


def _now(result: Result, observer: Observer) -> Now:
    recorder = result.recorder
    return Now(
        recorder.now() - result.loaded, result.options.seconds, recorder.answered, recorder.unanswered, recorder.waiting,
        recorder.troubles.total(), tuple(observer.now), len(observer.seen), len(result.plan.strikes),
    )  # fmt: skip
