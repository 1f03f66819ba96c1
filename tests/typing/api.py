"""The typed surface that users see. Never run: mypy and pyright read it, and complain about a complaint that is missing."""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from typing import assert_type

from pydantic import BaseModel, PositiveInt

from natya import Actor, StatelessActor, command, migration, query
from natya.client import Platform
from natya.ref import Ref


class Balance(BaseModel):
    balance: int


class AccountState(BaseModel):
    balance: int = 0


class Account(
    Actor[AccountState], kind="account", partitions=4, schema=2, indexes=[[("balance", -1)]], owner="sub", roles=("teller",)
):
    @command
    async def deposit(self, amount: PositiveInt, note: str = "") -> Balance:
        assert_type(self.state, AccountState)
        assert_type(self.key, str)
        return Balance(balance=self.state.balance + amount)

    @command(name="take", scope="money")
    async def withdraw(self, amount: PositiveInt) -> Balance:
        return await self.deposit(amount=-amount)

    @query
    async def balance(self) -> Balance:
        return Balance(balance=self.state.balance)

    @command(owner="sub", owned=("target",))
    async def give(self, target: str) -> None: ...

    @query(max_age=3.0, anyone=True)
    async def fresh(self) -> int:
        return self.state.balance

    @migration(from_schema=1)
    @staticmethod
    def rename(state: dict[str, object]) -> dict[str, object]:
        return {"balance": state["amount"]}

    async def on_activate(self) -> None: ...


class Savings(Account, kind="savings"):
    @command
    async def deposit(self, amount: PositiveInt, note: str = "saved") -> Balance:
        return Balance(balance=amount)


class Greeter(StatelessActor):
    @query
    async def greet(self, name: str) -> str:
        return f"Hello {name} from {self.key}"


class WrongOption(StatelessActor, partition=4):  # type: ignore[call-arg]
    @query
    async def get(self) -> int:
        return 1


class WrongMethod(StatelessActor):
    @query  # type: ignore[arg-type]
    def sync(self) -> int:
        return 1


async def right(me: Account) -> None:
    bob = me.actor(Account, "bob", timeout=2.0)
    assert_type(bob, Account)
    assert_type(await bob.deposit(amount=5), Balance)
    assert_type(await bob.deposit(5, note="n"), Balance)
    assert_type(await bob.withdraw(amount=5), Balance)
    assert_type(await bob.fresh(), int)
    assert_type(await me.actor(Greeter, "x").greet(name="Ada"), str)
    bob.deposit.tell(amount=5)
    await bob.deposit.tell(amount=5)
    assert_type(me.actor("account", "bob"), Ref)
    await me.actor("account", "bob").whatever(x=1)
    me.tell(Account, "bob", "deposit", amount=5)
    me.emit("placed", Balance(balance=1))
    me.emit("placed", {"balance": 1})


async def client(platform: Platform) -> None:
    assert_type(await platform.actor(Account, "alice", id="x", timeout=1.0).deposit(amount=5), Balance)
    await platform.actor(Account, "alice").deposit.tell(amount=5)
    await platform.actor("account", "alice").whatever(x=1)
    await platform.actor(Account, "alice").deposit(amount="5")  # type: ignore[arg-type]
    await platform.actor(Account, "alice").burn()  # type: ignore[attr-defined]


async def wrong(me: Account) -> None:
    bob = me.actor(Account, "bob")
    await bob.deposit(amount="5")  # type: ignore[arg-type]
    await bob.deposit(sum=5)  # type: ignore[call-arg]
    await bob.deposit()  # type: ignore[call-arg]
    await bob.burn()  # type: ignore[attr-defined]
    bob.deposit.tell(amount="5")  # type: ignore[arg-type]
    bob.deposit.ask(amount=5)  # type: ignore[attr-defined]
    me.state.balanse = 3  # type: ignore[attr-defined]
    me.actor(Balance, "bob")  # type: ignore[type-var]
    result: str = await bob.deposit(amount=5)  # type: ignore[assignment]
    print(result)
