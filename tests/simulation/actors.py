"""The actors that simulation is played on. What they keep says what was done, in which order, and how often."""

from __future__ import annotations

import asyncio
from collections import Counter

from pydantic import BaseModel

from natya import Actor, Reject, command, query

STUMBLED: Counter[str] = Counter()
"""How often a line's handler has stumbled: what a handler remembers outside of its state. A run begins with none."""


class Lines(BaseModel):
    lines: list[str] = []


class Count(BaseModel):
    count: int


class Forwarded(BaseModel):
    count: int
    there: int


class Book(Actor[Lines], partitions=2):
    """Remembers every line, in order. Whoever writes learns the line's place, counted from 1."""

    @command
    async def write(self, line: str) -> Count:
        return self._written(line)

    @command
    async def write_slowly(self, line: str, seconds: float) -> Count:
        """Writes half of it, waits, writes the rest."""
        self.state.lines.append(f"half of {line}")
        await asyncio.sleep(seconds)
        self.state.lines.pop()
        return self._written(line)

    @command
    async def refuse(self, line: str) -> Count:
        """Writes and then thinks better of it; says how many lines there are."""
        count = self._written(line).count - 1
        raise Reject("refused", f"{line} is refused", count=count)

    @command
    async def fail(self, line: str) -> Count:
        self._written(line)
        raise RuntimeError(f"{line} fails")

    @command
    async def stumble(self, line: str, times: int) -> Count:
        """Fails so often, then writes."""
        self._written(f"not yet {line}")
        STUMBLED[line] += 1
        if STUMBLED[line] <= times:
            raise RuntimeError(f"{line} stumbles")
        self.state.lines.pop()
        return self._written(line)

    @command
    async def forward(self, line: str, to: str) -> Forwarded:
        """Asks another book to write the line, then writes it, too."""
        there = await self.actor(Book, to).write(line=f"{line}>{to}")
        return Forwarded(count=self._written(line).count, there=there.count)

    @command
    async def pass_on(self, line: str, to: str) -> Count:
        """Writes the line, tells another book to, and says so."""
        self.actor(Book, to).write.tell(line=f"{line}>{to}")
        self.emit("passed", {"line": line})
        return self._written(line)

    @query
    async def read(self) -> list[str]:
        return self.state.lines

    @query
    async def read_slowly(self, seconds: float) -> list[str]:
        await asyncio.sleep(seconds)
        return self.state.lines

    def _written(self, line: str) -> Count:
        self.state.lines.append(line)
        return Count(count=len(self.state.lines))


class Money(BaseModel):
    balance: int = 0


class Purse(Actor[Money], partitions=1):
    """An amount that is never negative."""

    @command
    async def deposit(self, amount: int) -> Money:
        self.state.balance += amount
        return self.state

    @command
    async def withdraw(self, amount: int) -> Money:
        self._take(amount)
        return self.state

    @command
    async def pay(self, to: str, amount: int) -> Money:
        """Part with an amount and tell another purse to take it."""
        self._take(amount)
        self.actor(Purse, to).deposit.tell(amount=amount)
        return self.state

    @query
    async def balance(self) -> Money:
        return self.state

    def _take(self, amount: int) -> None:
        if amount > self.state.balance:
            raise Reject("insufficient_funds", f"there is {self.state.balance}", balance=self.state.balance)
        self.state.balance -= amount
