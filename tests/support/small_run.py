"""A small run in memory, with a crash in it, and the evidence of it."""

from __future__ import annotations

import asyncio
import pickle
from functools import cache
from itertools import count
from random import Random
from typing import Any

import orjson

from natya import Permanent
from natya.errors import Retryable, Unknown
from natya.memory import MemoryJournal, Stored
from natya.message import MSG_ID
from natya.ref import Options
from natya.runtime.batch import decode
from natya.testing import TestPlatform
from natya_actors import Account, Inbox, Transfer
from natya_ops.chaos import checks
from natya_ops.chaos.checks import Entry, Evidence, Journals, Minimum, Verdict, examine
from natya_ops.chaos.record import Operation, Outcome, Strike, Verb

ACCOUNTS = ("alice", "bob@example.com", "carol")
KINDS = (Account, Inbox, Transfer)
WAYS = frozenset((verb, "nats") for verb in Verb)
MINIMUM = Minimum(operations=100, each=5, ways=WAYS)


class SmallRun:
    """Clients of a platform in memory whose nodes are killed. Its seconds only count what happens, in order."""

    def __init__(self, platform: TestPlatform, seed: int) -> None:
        self._platform = platform
        self._chance = Random(seed)
        self._time = count()
        self._ids = count()
        self.operations: list[Operation] = []
        self.strikes: list[Strike] = []

    async def play(self) -> None:
        """Load it, kill it, wait until all is done."""
        for key in ACCOUNTS:
            await self.do(0, Verb.ASK, "account", key, "deposit", amount=40)
        await self.do(0, Verb.TELL, "account", "carol", "withdraw", amount=10_000)
        clients = [asyncio.create_task(self._client(number)) for number in range(1, 7)]
        while len(self.operations) < 60:
            await asyncio.sleep(0)
        strike = Strike("kill", "all", next(self._time))
        await self._platform.crash()
        strike.healed = strike.recovered = next(self._time)
        self.strikes.append(strike)
        await asyncio.gather(*clients)
        await self._platform.settle()

    async def _client(self, number: int) -> None:
        chance = self._chance
        for turn in range(20):
            account = chance.choice(ACCOUNTS)
            match chance.choice(("deposit", "withdraw", "balance", "note", "transfer")):
                case "balance":
                    await self.do(number, Verb.QUERY, "account", account, "balance")
                case "note":
                    await self.do(number, Verb.TELL, "inbox", "paul", "deliver", text=f"note {number}.{turn}")
                    await self.do(number, Verb.QUERY, "inbox", "paul", "received")
                case "transfer":
                    source, target = chance.sample(ACCOUNTS, 2)
                    key = f"t{number}-{turn}"
                    await self.do(
                        number,
                        Verb.ASK,
                        "transfer",
                        key,
                        "start",
                        source=source,
                        target=target,
                        amount=chance.randint(1, 30),
                    )
                    await self.do(number, Verb.QUERY, "transfer", key, "status")
                case method:
                    verb = Verb.TELL if chance.random() < 0.2 else Verb.ASK
                    await self.do(number, verb, "account", account, method, amount=chance.randint(1, 30))

    async def do(self, client: int, verb: Verb, kind: str, key: str, method: str, **arguments: Any) -> Operation:
        """One operation, noted down."""
        id = f"op-{next(self._ids)}"
        operation = Operation(client, "nats", verb, kind, key, method, id, next(self._time), arguments, attempts=1)
        self.operations.append(operation)
        body = orjson.dumps(arguments) if arguments else b""
        try:
            if verb is Verb.TELL:
                operation.result = {"seq": await self._platform.store(kind, key, method, body, Options(id=id))}
            else:
                operation.result = orjson.loads(await self._platform.ask(kind, key, method, body, Options(id=id)))
            operation.outcome = Outcome.OK
        except Permanent as error:
            operation.outcome, operation.error, operation.result = Outcome.REFUSED, error.slug, error.problem()
        except (Retryable, Unknown) as error:
            operation.error = error.slug
            return operation
        operation.ended = next(self._time)
        return operation

    async def evidence(self) -> Evidence:
        """What is there at the end."""
        broker = self._platform.cluster.broker
        journal = MemoryJournal(self._platform.bus)
        journals = {}
        for kind, partitions in ((actor.__name__.lower(), 16) for actor in KINDS):
            for partition in range(partitions):
                last = await journal.last(kind, partition)
                end = last.sequence if last else 0
                records = [record async for record in journal.read(kind, partition, start=1, end=end)]
                journals[kind, partition] = [Entry(record.sequence, record.time, decode(record.data)) for record in records]
        probes = [await self.do(0, Verb.QUERY, "account", key, "balance") for key in ACCOUNTS]
        transfers = {}
        for key in {each.key for each in self.operations if each.kind == "transfer"}:
            transfers[key] = (await self.do(0, Verb.QUERY, "transfer", key, "status")).result
        return Evidence(
            self.operations,
            self.strikes,
            journals,
            [_stored(stored) for stored in broker.events],
            [_stored(stored) for stored in broker.dead_letters],
            {probe.key: probe.result["balance"] for probe in probes},
            transfers=transfers,
            probes=probes,
            faults=frozenset({"kill"}),
            seconds=10.0,
            minimum=MINIMUM,
        )


def _stored(stored: Stored) -> checks.Stored:
    return checks.Stored(stored.sequence, stored.subject, stored.headers.get(MSG_ID, ""))


async def small_run(seed: int = 1) -> Evidence:
    """Play it on two nodes."""
    async with TestPlatform(*KINDS, nodes=2, seed=seed) as platform:
        run = SmallRun(platform, seed)
        await run.play()
        return await run.evidence()


def true_evidence() -> Evidence:
    """A copy of the evidence of one run, for a test to falsify. Not to be called where an event loop runs."""
    copy: Evidence = pickle.loads(_pickled())
    return copy


@cache
def _pickled() -> bytes:
    return pickle.dumps(asyncio.run(small_run()))


def verdict(evidence: Evidence, name: str) -> Verdict:
    """What the check of this name says."""
    return next(each for each in examine(evidence) if each.name == name)


def first(evidence: Evidence, verb: Verb, method: str, outcome: Outcome = Outcome.OK) -> Operation:
    """The first such operation."""
    return next(each for each in evidence.operations if (each.verb, each.method, each.outcome) == (verb, method, outcome))


def standing(evidence: Evidence, operation: Operation) -> tuple[list[Entry], Entry, dict[str, Any]]:
    """Where an operation stands: the journal, the record, the turn."""
    line = Journals(evidence.journals).of(operation)[0]
    entries = evidence.journals[line.kind, line.partition]
    assert isinstance(entries, list)
    entry = next(each for each in entries if each.sequence == line.sequence)
    return entries, entry, entry.record.turns[line.number]
