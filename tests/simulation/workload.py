"""What clients do: lanes of one call after the other, drawn from the seed."""

from __future__ import annotations

import asyncio

from natya_ops.chaos.record import Operation
from simulation.client import Client
from simulation.stage import Stage

BOOKS = ("a", "b", "c", "d", "e")
PURSES = ("p", "q", "r")
SAVINGS = ("s", "t")
"""Purses that nobody pays from or to: their histories are those of a single number."""
ENDOWMENT = 100


class Lane:
    """One line of calls of a client, each begun when the one before has ended."""

    def __init__(self, stage: Stage, client: Client, number: int) -> None:
        self._stage = stage
        self._client = client
        self._name = f"{client.name}{chr(97 + number)}"
        self._random = stage.random(self._name)
        self._count = 0

    async def run(self) -> None:
        """Call until the plan says that it is enough."""
        plan = self._stage.plan
        while self._stage.loop.time() < plan.ends:
            await self._call()
            await asyncio.sleep(self._random.expovariate(1 / plan.pause))

    def _line(self) -> str:
        self._count += 1
        return f"{self._name}.{self._count}"

    async def _call(self) -> Operation | None:
        random, client, calls = self._random, self._client, self._stage.plan.calls
        (what,) = random.choices(list(calls), list(calls.values()))
        key = random.choice(BOOKS)
        other = random.choice([book for book in BOOKS if book != key])
        timeout = random.choice((1.0, 5.0, 10.0))
        match what:
            case "write" | "refuse" | "fail":
                return await client.ask("book", key, what, timeout=timeout, line=self._line())
            case "write slowly":
                seconds = random.choice((0.01, 0.1, 0.5))
                return await client.ask("book", key, "write_slowly", timeout=timeout, line=self._line(), seconds=seconds)
            case "stumble":
                return await client.ask("book", key, "stumble", line=self._line(), times=1)
            case "forward" | "pass on":
                return await client.ask("book", key, what.replace(" ", "_"), timeout=timeout, line=self._line(), to=other)
            case "tell":
                return await client.tell("book", key, "write", line=self._line())
            case "tell slowly":
                return await client.tell("book", key, "write_slowly", line=self._line(), seconds=0.05)
            case "tell stumbling":
                return await client.tell("book", key, "stumble", line=self._line(), times=random.choice((1, 2)))
            case "tell failing":
                return await client.tell("book", key, "fail", line=self._line())
            case "tell refused":
                return await client.tell("book", key, "refuse", line=self._line())
            case "read":
                return await client.query("book", key, "read", timeout=timeout)
            case "read slowly":
                return await client.query("book", key, "read_slowly", timeout=timeout, seconds=random.choice((0.01, 0.3)))
            case "plain":
                return await client.ask_plainly("book", key, "write", line=self._line())
            case "repeat":
                return await self._repeat()
            case "pay":
                source, target = random.sample(PURSES, 2)
                return await client.ask("purse", source, "pay", timeout=timeout, to=target, amount=random.randint(1, 60))
            case "save":
                return await self._save()
        raise AssertionError(what)

    async def _repeat(self) -> Operation | None:
        """Send an earlier call of this client again, whatever was heard of it."""
        earlier = [op for op in self._client.operations if op.id in self._client.sent and op.via == "nats"]
        return await self._client.repeat(self._random.choice(earlier[-20:])) if earlier else None

    async def _save(self) -> Operation:
        random, client = self._random, self._client
        key = random.choice(SAVINGS)
        what = random.choice(("deposit", "withdraw", "balance"))
        if what == "balance":
            return await client.query("purse", key, what)
        return await client.ask("purse", key, what, timeout=5.0, amount=random.randint(1, 30))


async def endow(client: Client) -> None:
    """Fill the purses before anything goes wrong."""
    for purse in PURSES:
        await client.ask("purse", purse, "deposit", amount=ENDOWMENT)
