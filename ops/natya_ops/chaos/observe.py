"""Faults as they are seen from outside: done as planned, and the time until everybody answers again.

After each strike one account of every partition is asked, by the protocol, until all have answered. What a fault has taken away
that only healing gives back (NATS, the store, the disk) is asked once more when it is healed, and its recovery counts from then.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from random import Random
from typing import Final

from natya_ops.chaos.faults import FAULTS
from natya_ops.chaos.ground import Ground
from natya_ops.chaos.plan import Plan, Planned
from natya_ops.chaos.record import Operation, Outcome, Strike, Verb
from natya_ops.chaos.workload import Cast, Load, Recorder
from natya_ops.chaos.workload.cast import one_each
from natya_ops.chaos.workload.clients import Intention
from natya_ops.chaos.workload.insist import Insisting

FROM_HEAL: Final = frozenset({"nats", "store", "disk"})
"""Faults whose recovery begins when they are healed."""
PATIENCE: Final = 60.0
"""Seconds after which whoever does not answer counts as never having recovered."""
FIRST_WAIT: Final = 0.1
"""Seconds until a probe's first attempt counts as unheard: shorter than a client's, to see small differences."""


@dataclass(slots=True)
class Seen:
    """One strike: as planned, and as it was. ``called`` is when it was called for: where a target had to be waited for, or took its time
    to fall, the strike itself began later."""

    planned: Planned
    strike: Strike
    called: float

    @property
    def since(self) -> float:
        """The time from which recovery counts."""
        return self.strike.healed if self.strike.fault in FROM_HEAL else self.strike.begun

    @property
    def recovery(self) -> float:
        """Seconds until everybody answered; infinite if that never happened."""
        return self.strike.recovered - self.since


class Observer:
    """Does what a plan says. ``seen`` are the strikes so far, in the order of their beginning."""

    def __init__(self, ground: Ground, recorder: Recorder, load: Load, cast: Cast, seed: int) -> None:
        self._ground = ground
        self._recorder = recorder
        self._load = load
        self._cast = cast
        self._insisting = Insisting(recorder, Random(f"probes {seed}"), patience=PATIENCE, first_wait=FIRST_WAIT)
        self._cold = itertools.count(1)
        self.seen: list[Seen] = []

    @property
    def now(self) -> list[str]:
        """What is broken at the moment."""
        return [
            f"{seen.strike.fault} {seen.strike.target}".strip() for seen in self.seen if seen.strike.healed == float("inf")
        ]

    async def carry_out(self, plan: Plan) -> None:
        """Do everything that is planned; returns when all is healed and everybody has answered, or will not."""
        began = self._recorder.now()
        async with asyncio.TaskGroup() as strikes:
            for planned in plan.strikes:
                strikes.create_task(self._strike(planned, began), name=f"strike {planned.number}: {planned.fault}")

    async def ask_all(self, via: str, keys: tuple[str, ...]) -> list[Operation]:
        """Make a deposit to each of the accounts, all at once; returns when each is answered or given up."""
        intentions = [Intention(Verb.ASK, "account", key, "deposit", {"amount": 1}, via) for key in keys]
        return list(await asyncio.gather(*(self._load.do(0, each, self._insisting) for each in intentions)))

    async def _strike(self, planned: Planned, began: float) -> None:
        await asyncio.sleep(max(0.0, began + planned.at - self._recorder.now()))
        called = self._recorder.now()
        async with asyncio.TaskGroup() as watching:
            async with FAULTS[planned.fault].strike(self._ground, Random(planned.seed)) as target:
                strike = Strike(planned.fault, target, self._recorder.now())
                self.seen.append(Seen(planned, strike, called))
                watching.create_task(self._watch(strike), name=f"probes after {planned.fault}")
                await asyncio.sleep(planned.hold)
            strike.healed = self._recorder.now()
            if planned.fault in FROM_HEAL:
                watching.create_task(self._watch_heal(strike), name=f"probes after the heal of {planned.fault}")

    async def _watch(self, strike: Strike) -> None:
        recovered = _answered(await self.ask_all("edge" if strike.fault == "edge" else "nats", self._cast.probes))
        if strike.fault not in FROM_HEAL:
            strike.recovered = recovered

    async def _watch_heal(self, strike: Strike) -> None:
        """Accounts that nobody has asked before must be loaded: they see a store that is away."""
        cold = one_each(f"{self._cast.run}-cold{next(self._cold)}-", len(self._cast.probes))
        strike.recovered = _answered(await self.ask_all("nats", (*self._cast.probes, *cold)))


def _answered(probes: list[Operation]) -> float:
    """When the last was answered, infinite if one was not."""
    return max(probe.ended if probe.outcome is Outcome.OK else float("inf") for probe in probes)
