"""Clients that go on whatever happens: each does one thing after another, at a bounded rate, drawn from the seed.

Each has a part that it keeps: talking through NATS to actors that are used all the time, through the edge to the same ones, or moving money
between purses. A client that waits for an answer does nothing else, so if each did everything, all would soon wait for what only some need,
such as the store for the outcome of an ``Idempotency-Key``, and nobody would see that the rest goes on.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Any, Final, Self

from natya_ops.chaos.record import Operation, Verb
from natya_ops.chaos.workload.cast import PURSE, Cast
from natya_ops.chaos.workload.couriers import Couriers
from natya_ops.chaos.workload.insist import Insisting
from natya_ops.chaos.workload.recorder import Recorder

DEPOSIT: Final = 100
WITHDRAWAL: Final = 130
"""The largest amounts; that of a withdrawal is larger so that balances stay low, and some are refused all the time."""
HOT_SHARE: Final = 0.5
PARTS: Final = ("nats", "edge", "nats", "transfers", "nats", "edge", "nats", "edge")
"""The parts of clients 1, 2, 3 and so on, again and again."""


@dataclass(frozen=True, slots=True)
class Intention:
    """What a client is about to do."""

    verb: Verb
    kind: str
    key: str
    method: str
    arguments: dict[str, Any]
    via: str = "nats"


class Load:
    """``async with Load(…) as load``: clients that are busy from `begin` on until `finish`.

    ``clients`` begin ``rate`` operations a second all together, fewer when answers are late: each waits for its answer.
    ``patience`` is the time for one operation, in seconds. Client 0 is the run itself.
    """

    def __init__(
        self, recorder: Recorder, couriers: Couriers, cast: Cast, *, seed: int, clients: int, rate: float, patience: float
    ) -> None:
        self._recorder = recorder
        self._couriers = couriers
        self._cast = cast
        self._seed = seed
        self._clients = clients
        self._period = clients / rate
        self._insisting = Insisting(recorder, Random(f"pauses {seed}"), patience=patience)
        self._numbers = itertools.count(1)
        self._transfers = itertools.count(1)
        self._over = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def fill_purses(self) -> None:
        """Give each purse its first deposit; returns when all are answered."""
        await asyncio.gather(
            *(self.do(0, Intention(Verb.ASK, "account", key, "deposit", {"amount": PURSE})) for key in self._cast.purses)
        )

    def begin(self) -> None:
        """Set the clients to work."""
        self._tasks = [
            asyncio.create_task(self._client(number), name=f"client {number}") for number in range(1, self._clients + 1)
        ]

    async def finish(self) -> None:
        """Begin nothing more and wait for what is under way, as long as its time lasts."""
        self._over.set()
        await asyncio.gather(*self._tasks)

    async def do(self, client: int, intention: Intention, insisting: Insisting | None = None) -> Operation:
        """Carry out one intention; returns when it has ended, however."""
        courier = self._couriers.by_name[intention.via]
        operation = self._recorder.begin(
            client, intention.via, intention.verb, intention.kind, intention.key, intention.method,
            courier.id_of(f"{self._cast.run}-{next(self._numbers)}"), intention.arguments,
        )  # fmt: skip
        await (insisting or self._insisting).insist(courier, operation)
        return operation

    async def do_all(self, intentions: Sequence[Intention], *, at_once: int) -> list[Operation]:
        """Carry out all, so many at the same time; the operations in the same order."""
        slots = asyncio.Semaphore(at_once)

        async def one(intention: Intention) -> Operation:
            async with slots:
                return await self.do(0, intention)

        return list(await asyncio.gather(*map(one, intentions)))

    async def _client(self, number: int) -> None:
        chance = Random(f"client {number} of {self._seed}")
        part = PARTS[(number - 1) % len(PARTS)]
        last = ""
        clock = asyncio.get_running_loop().time
        due = clock() + chance.uniform(0, self._period)
        while not self._over.is_set():
            if (pause := due - clock()) > 0:
                await self._sleep(pause)
                continue
            intention = self._choose(part, chance) if part != "transfers" else self._transfer(chance, last)
            last = (await self.do(number, intention)).key
            due = max(due + self._period * chance.uniform(0.5, 1.5), clock())

    async def _sleep(self, seconds: float) -> None:
        """Sleep, but wake at the end of the load."""
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            return

    def _choose(self, part: str, chance: Random) -> Intention:
        """What a client that talks through NATS or the edge does next."""
        (what,) = chance.choices(tuple(_MIX[part]), tuple(_MIX[part].values()))
        account = chance.choice(self._cast.hot if chance.random() < HOT_SHARE else self._cast.spread)
        inbox = chance.choice(self._cast.inboxes)
        match what:
            case "deposit":
                return Intention(Verb.ASK, "account", account, what, {"amount": chance.randint(1, DEPOSIT)}, part)
            case "withdraw":
                return Intention(Verb.ASK, "account", account, what, {"amount": chance.randint(1, WITHDRAWAL)}, part)
            case "balance":
                return Intention(Verb.QUERY, "account", account, what, {}, part)
            case "deliver":
                text = f"note {chance.getrandbits(64):016x}"
                return Intention(Verb.TELL, "inbox", inbox, what, {"text": text}, part)
            case _:
                return Intention(Verb.QUERY, "inbox", inbox, what, {}, part)

    def _transfer(self, chance: Random, last: str) -> Intention:
        """Begin a transfer, or look at the ``last`` one, through NATS or the edge."""
        via = chance.choice(("nats", "edge"))
        if last and chance.random() < 0.5:
            return Intention(Verb.QUERY, "transfer", last, "status", {}, via)
        source, target = chance.sample(self._cast.purses, 2)
        arguments = {"source": source, "target": target, "amount": chance.randint(1, DEPOSIT)}
        key = f"{self._cast.run}-transfer{next(self._transfers)}"
        return Intention(Verb.ASK, "transfer", key, "start", arguments, via)


_MIX: Final[dict[str, dict[str, int]]] = {
    "nats": {"deposit": 26, "withdraw": 22, "balance": 20, "deliver": 26, "received": 6},
    "edge": {"deposit": 36, "withdraw": 32, "balance": 24, "received": 8},
}
"""What clients do, in parts of a hundred: the edge takes no tells."""
