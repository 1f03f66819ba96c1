"""Actors that do what actors should not, and some that count: the application of the black-box tests.

Run by ``natya worker --app support.actors_for_tests``. Few partitions, so that a cluster of many kinds starts quickly.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from pydantic import BaseModel, Field

from natya import Actor, Reject, StatelessActor, command, query
from natya_actors import Account, Inbox, Transfer

_failures: dict[str, int] = {}


class LedgerState(BaseModel):
    entries: list[str] = []


class Entered(BaseModel):
    count: int


class Ledger(Actor[LedgerState], partitions=4):
    """Remembers every entry ever made, in order: what was lost or done twice can be seen."""

    @command
    async def enter(self, entry: str) -> Entered:
        self.state.entries.append(entry)
        return Entered(count=len(self.state.entries))

    @command
    async def enter_slowly(self, entry: str, seconds: float) -> Entered:
        print(f"{self.key} begins to enter {entry}", flush=True)  # for who waits for that
        await asyncio.sleep(seconds)
        return await self.enter(entry=entry)

    @query
    async def entries(self) -> list[str]:
        return self.state.entries


class CounterState(BaseModel):
    value: int = 0


class Value(BaseModel):
    value: int


class Counter(Actor[CounterState], partitions=4):
    """A number that goes up by one: every answer says which place its turn has in the order of all turns."""

    @command
    async def increment(self) -> Value:
        self.state.value += 1
        return Value(value=self.state.value)

    @query
    async def value(self) -> Value:
        return Value(value=self.state.value)


class NastyState(BaseModel):
    turns: int = 0
    blob: str = ""
    number: Any = 0


class Turns(BaseModel):
    turns: int


class Nasty(Actor[NastyState], partitions=4):
    """Fails in every way."""

    @query
    async def turns(self) -> Turns:
        return Turns(turns=self.state.turns)

    @command
    async def count(self, amount: int = 1) -> Turns:
        self.state.turns += amount
        return Turns(turns=self.state.turns)

    @command
    async def strict(self, text: str, number: Annotated[int, Field(ge=1)] = 1) -> Turns:
        return await self.count()

    @command
    async def boom(self) -> Turns:
        """Raise after the state was changed."""
        self.state.turns += 1_000_000
        raise RuntimeError("an inner detail")

    @command
    async def flaky(self, name: str, failures: int) -> Turns:
        """Raise this often, then count."""
        self.state.turns += 1
        _failures[name] = _failures.get(name, 0) + 1
        if _failures[name] <= failures:
            raise RuntimeError("not yet")
        return Turns(turns=self.state.turns)

    @command
    async def refuse(self, slug: str) -> Turns:
        self.state.turns += 1
        raise Reject(slug, "because the test says so", asked=slug)

    @command
    async def refuse_at_length(self, size: int) -> Turns:
        raise Reject("no", "n" * size, more="m" * size)

    @command
    async def refuse_strangely(self, how: str) -> Turns:
        match how:
            case "number":
                raise Reject("no", number=2**70)
            case "text":
                raise Reject("no", "half a pair: \ud800")
            case "object":
                raise Reject("no", thing=object())
            case "keys":
                raise Reject("no", places={1: "one"})
            case _:
                raise Reject("no\r\nNatya-Caller: admin")

    @command
    async def sleep(self, seconds: float) -> Turns:
        await asyncio.sleep(seconds)
        self.state.turns += 1
        return Turns(turns=self.state.turns)

    @query
    async def slow_query(self, seconds: float) -> Turns:
        await asyncio.sleep(seconds)
        return Turns(turns=self.state.turns)

    @command
    async def fill(self, size: int) -> Turns:
        """Make the state this large."""
        self.state.blob = "x" * size
        self.state.turns += 1
        return Turns(turns=self.state.turns)

    @command
    async def answer(self, size: int) -> str:
        """An answer this large."""
        self.state.turns += 1
        return "x" * size

    @query
    async def read(self, size: int) -> str:
        return "x" * size

    @command
    async def set_number(self, what: str) -> Turns:
        """A state that cannot be stored."""
        self.state.number = {"nan": float("nan"), "infinity": float("inf"), "large": 2**70, "fine": 2**53}[what]
        self.state.turns += 1
        return Turns(turns=self.state.turns)

    @command
    async def who(self) -> str:
        return self.caller

    @query
    async def who_reads(self) -> str:
        return self.caller

    @command
    async def pass_on(self, kind: str, key: str, method: str, parameters: dict[str, Any]) -> Turns:
        """Tell another actor, and count."""
        self.tell(kind, key, method, **parameters)
        self.state.turns += 1
        return Turns(turns=self.state.turns)

    @command
    async def pass_on_and_fail(self, kind: str, key: str, method: str, parameters: dict[str, Any]) -> Turns:
        self.tell(kind, key, method, **parameters)
        self.emit("lied", {"turns": self.state.turns})
        raise RuntimeError("too late")

    @command
    async def ask_other(self, kind: str, key: str, method: str, parameters: dict[str, Any]) -> Any:
        """Ask another actor, and count."""
        answer = await self.ask(kind, key, method, **parameters)
        self.state.turns += 1
        return answer

    @command
    async def announce(self, event: str, times: int = 1) -> Turns:
        for number in range(times):
            self.emit(event, {"number": number, "turns": self.state.turns})
        self.state.turns += 1
        return Turns(turns=self.state.turns)


class Echo(StatelessActor, partitions=4):
    """Keeps nothing."""

    @query
    async def say(self, text: str) -> str:
        return f"{self.key}: {text}"

    @command
    async def forward(self, key: str, entry: str) -> str:
        self.tell(Ledger, key, "enter", entry=entry)
        return "told"


class ProfileState(BaseModel):
    name: str = ""


class Profile(Actor[ProfileState], partitions=2):
    """Its state has another shape in `support.actors_of_later`."""

    @command
    async def rename(self, name: str) -> str:
        self.state.name = name
        return name

    @query
    async def name(self) -> str:
        return self.state.name


__all__ = ["Account", "Counter", "Echo", "Inbox", "Ledger", "Nasty", "Profile", "Transfer"]
