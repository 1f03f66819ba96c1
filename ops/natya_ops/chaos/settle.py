"""After the last heal: wait until everything that was accepted is done, ask everybody once more, and collect what the checks need."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from natya_ops.chaos.checks import Evidence, Minimum
from natya_ops.chaos.collect import Streams
from natya_ops.chaos.observe import Observer
from natya_ops.chaos.record import Operation, Outcome, Verb
from natya_ops.chaos.workload import Cast, Load, Recorder
from natya_ops.chaos.workload.clients import Intention

LOOK_EVERY: Final = 0.5
STILL: Final = 3
"""So many looks in a row must find nothing new."""
AT_ONCE: Final = 32
ENDS: Final = frozenset({"done", "refused", "returned"})
"""Phases in which a transfer has come to its end."""

EDGE: Final = "edge"
WAYS: Final = frozenset(
    {(Verb.ASK, "nats"), (Verb.ASK, EDGE), (Verb.QUERY, "nats"), (Verb.QUERY, EDGE), (Verb.TELL, "nats")}
)
"""How clients talk to the platform: the edge takes no tells."""


class Settling:
    """What is left to do after the load."""

    def __init__(self, recorder: Recorder, load: Load, cast: Cast, observer: Observer, streams: Streams) -> None:
        self._recorder = recorder
        self._load = load
        self._cast = cast
        self._observer = observer
        self._streams = streams
        self._probes: list[Operation] = []
        self.transfers: dict[str, Mapping[str, Any]] = {}

    async def ask_everybody(self) -> None:
        """One ask through NATS and one through the edge to an account of every partition, and one query to every other actor."""
        cast, load = self._cast, self._load
        through_nats, through_edge = await asyncio.gather(
            self._observer.ask_all("nats", cast.probes), self._observer.ask_all(EDGE, cast.probes)
        )
        queries = [Intention(Verb.QUERY, "account", key, "balance", {}) for key in (*cast.hot, *cast.spread)]
        queries += [Intention(Verb.QUERY, "inbox", key, "received", {}) for key in cast.inboxes]
        self._probes = [*through_nats, *through_edge, *await load.do_all(queries, at_once=AT_ONCE)]

    async def wait(self, limit: float, say: Callable[[str], None]) -> bool:
        """Wait until all tells and transfers are done and no stream grows any more; False if that took more than ``limit`` seconds,
        which the checks will tell of."""
        end = self._recorder.now() + limit
        still = 0
        while still < STILL:
            if self._recorder.now() > end:
                return False
            grown = await self._streams.read_journals() + await self._streams.read_messages()
            tells, transfers = self._tells_left(), await self._transfers_left()
            say(f"settling: {tells} tells and {transfers} transfers are not done" if tells or transfers else "settling")
            still = 0 if tells or transfers or grown else still + 1
            await asyncio.sleep(LOOK_EVERY)
        return True

    async def evidence(self, faults: frozenset[str], seconds: float) -> Evidence:
        """Everything, read in the order that the checks ask for."""
        await self._streams.read_journals()
        await self._streams.read_messages()
        accounts = sorted({each.key for each in self._recorder.operations if each.kind == "account"})
        balances = await self._load.do_all(
            [Intention(Verb.QUERY, "account", key, "balance", {}) for key in accounts], at_once=AT_ONCE
        )
        return Evidence(
            operations=self._recorder.operations,
            strikes=[seen.strike for seen in self._observer.seen],
            journals=self._streams.journals,
            events=self._streams.events,
            dead=self._streams.dead,
            balances={each.key: each.result["balance"] for each in balances if each.outcome is Outcome.OK},
            transfers=self.transfers,
            probes=self._probes,
            faults=faults,
            seconds=seconds,
            minimum=Minimum(ways=WAYS),
        )

    def _tells_left(self) -> int:
        """Tells that were acknowledged and stand in no journal yet. What was given up is a turn there, too."""
        stored = {each.id for each in self._recorder.operations if each.verb is Verb.TELL and each.outcome is Outcome.OK}
        for (kind, _), entries in self._streams.journals.items():
            if kind == "inbox":
                stored.difference_update(line["id"] for entry in entries for line in entry.record.turns)
        return len(stored)

    async def _transfers_left(self) -> int:
        """Transfers that were begun and have not come to an end, as they themselves say now. One whose beginning is not known to have
        been accepted may never begin."""
        begun = {
            each.key: each.outcome
            for each in self._recorder.operations
            if each.kind == "transfer" and each.method == "start" and each.outcome in (Outcome.OK, Outcome.UNKNOWN)
        }
        open_ones = [key for key in begun if self.transfers.get(key, {}).get("phase") not in ENDS]
        intentions = [Intention(Verb.QUERY, "transfer", key, "status", {}) for key in open_ones]
        for answer in await self._load.do_all(intentions, at_once=AT_ONCE):
            if answer.outcome is Outcome.OK:
                self.transfers[answer.key] = answer.result
        phases = {key: self.transfers.get(key, {}).get("phase") for key in open_ones}
        return sum(phase not in ENDS and (begun[key] is Outcome.OK or phase != "new") for key, phase in phases.items())
