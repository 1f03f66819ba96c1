"""What an actor may do while it handles a message, and what it is told outside of that."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from pydantic import BaseModel, PositiveInt

from natya import Actor, Invalid, NatyaError, Reject, StatelessActor, UnknownMethod, command, query
from natya.actor import AnyActor, Misuse
from natya.manifest import Definition
from natya.ref import Options
from support.acting import NOON, perform, reading


class Balance(BaseModel):
    balance: int


class AccountState(BaseModel):
    balance: int = 0


class Placed(BaseModel):
    at: datetime
    data: bytes = b"\xff"


class Account(Actor[AccountState]):
    @command
    async def deposit(self, amount: PositiveInt) -> Balance:
        self.state.balance += amount
        return Balance(balance=self.state.balance)

    @command(name="double")
    async def deposit_twice(self, amount: PositiveInt) -> Balance:
        await self.deposit(amount=amount)
        return await self.deposit(amount)

    @command
    async def later(self) -> None:
        self.deposit.tell(amount=1)

    @command
    async def typed(self, other: str) -> Balance:
        return await self.actor(Account, other, timeout=2.0).deposit(amount=5)

    @command
    async def untyped(self, other: str) -> Balance:
        return Balance.model_validate(await self.actor("account", other).deposit(amount=5))

    @query
    async def bad_query(self, what: str) -> None:
        match what:
            case "ask":
                await self.ask("account", "bob", "deposit", amount=1)
            case "tell":
                self.tell("account", "bob", "deposit", amount=1)
            case "emit":
                self.emit("looked")
            case "typed":
                await self.actor(Account, "bob").deposit(amount=1)
            case "inline":
                await self.deposit(amount=1)

    @query
    async def balance(self) -> Balance:
        return Balance(balance=self.state.balance)

    @query
    async def twice(self) -> int:
        return (await self.balance()).balance * 2


class Plain(StatelessActor):
    @command
    async def who(self) -> str:
        return f"{self.key} {self.caller} {self.now}"


async def test_a_call_of_ones_own_method_runs_inline() -> None:
    actor, scope = perform(Account)
    assert await actor.deposit_twice(amount=2) == Balance(balance=4)
    assert actor.state.balance == 4
    assert scope.asked == scope.told == []


async def test_a_query_may_run_another_query_inline() -> None:
    assert await reading(Account, state=AccountState(balance=3)).twice() == 6


async def test_ask_by_class_gives_the_annotated_type() -> None:
    actor, scope = perform(Account)
    scope.answers = [{"balance": 7}]
    assert await actor.ask(Account, "bob", "deposit", amount=5) == Balance(balance=7)
    assert scope.asked == [("account", "bob", "deposit", {"amount": 5}, Options())]


async def test_ask_by_kind_gives_json() -> None:
    actor, scope = perform(Account)
    scope.answers = [{"balance": 7}]
    assert await actor.ask("account", "bob", "deposit", amount=5) == {"balance": 7}


async def test_a_reference_asks_and_takes_options() -> None:
    actor, scope = perform(Account)
    scope.answers = [{"balance": 7}, {"balance": 8}]
    assert await actor.typed("bob") == Balance(balance=7)
    assert await actor.untyped("bob") == Balance(balance=8)
    assert [sent[4] for sent in scope.asked] == [Options(timeout=2.0), Options()]


async def test_methods_are_sent_by_their_name_on_the_wire() -> None:
    actor, scope = perform(Account)
    scope.answers = [{"balance": 1}, {"balance": 1}]
    await actor.actor(Account, "bob").deposit_twice(amount=1)
    await actor.ask(Account, "bob", "double", amount=1)
    assert [sent[2] for sent in scope.asked] == ["double", "double"]


async def test_the_answer_of_the_other_is_raised() -> None:
    actor, scope = perform(Account)
    scope.answers = [Reject("insufficient_funds", "no", balance=3)]
    with pytest.raises(Reject) as caught:
        await actor.ask("account", "bob", "withdraw", amount=5)
    assert (caught.value.slug, caught.value.extra) == ("insufficient_funds", {"balance": 3})


async def test_tell_joins_the_turn_at_once() -> None:
    actor, scope = perform(Account)
    actor.tell(Account, "bob", "deposit", amount=1)
    actor.tell("account", "bob", "deposit", amount=2)
    actor.actor(Account, "bob").deposit.tell(amount=3)
    await actor.actor("account", "bob").deposit.tell(amount=4)
    await actor.later()
    assert [(kind, key, method, body["amount"]) for kind, key, method, body, _ in scope.told] == [
        ("account", "bob", "deposit", 1),
        ("account", "bob", "deposit", 2),
        ("account", "bob", "deposit", 3),
        ("account", "bob", "deposit", 4),
        ("account", "alice", "deposit", 1),
    ]


def test_emit_takes_models_mappings_and_nothing() -> None:
    actor, scope = perform(Account)
    actor.emit("placed", Placed(at=NOON))
    actor.emit("moved", {"to": NOON, "n": 1})
    actor.emit("seen")
    assert scope.emitted == [
        ("placed", {"at": "2026-03-01T12:00:00Z", "data": "_w=="}),
        ("moved", {"to": "2026-03-01T12:00:00Z", "n": 1}),
        ("seen", {}),
    ]


def test_an_event_that_cannot_be_is_refused() -> None:
    actor, scope = perform(Account)
    with pytest.raises(NatyaError, match="the event 'x' cannot be written as JSON: NaN is not a JSON number"):
        actor.emit("x", {"n": float("nan")})
    with pytest.raises(Invalid, match=re.escape("'a.b' is not the name of an event")):
        actor.emit("a.b")
    assert scope.emitted == []


async def test_key_caller_and_now_are_those_of_the_turn() -> None:
    actor, scope = perform(Plain, "bob")
    scope.caller = "carol"
    assert await actor.who() == "bob carol 2026-03-01 12:00:00+00:00"


@pytest.mark.parametrize("what", ["ask", "tell", "emit", "typed"])
async def test_a_query_sends_nothing(what: str) -> None:
    verb = "ask" if what == "typed" else what
    with pytest.raises(Misuse, match=f"a query only reads, it cannot {verb}: make the method a @command"):
        await reading(Account).bad_query(what)


async def test_a_query_runs_no_command() -> None:
    actor = reading(Account)
    with pytest.raises(Misuse, match="it cannot run the command deposit"):
        await actor.bad_query("inline")
    assert actor.state.balance == 0


async def test_outside_of_a_turn_nothing_is_sent() -> None:
    actor = Definition.of(Account).instance("alice", AccountState())
    with pytest.raises(Misuse, match=r"Account\.ask is there only while a message is handled"):
        await actor.ask("account", "bob", "deposit", amount=1)
    with pytest.raises(Misuse, match=r"Account\.tell is there only"):
        actor.tell("account", "bob", "deposit", amount=1)
    with pytest.raises(Misuse, match=r"Account\.emit is there only"):
        actor.emit("x")
    with pytest.raises(Misuse, match=r"Account\.now is there only"):
        _ = actor.now
    with pytest.raises(Misuse, match=r"Account\.caller is there only"):
        _ = actor.caller
    assert actor.key == "alice"


async def test_a_reference_kept_from_an_earlier_turn_sends_nothing_after_it() -> None:
    actor, scope = perform(Account)
    kept = actor.actor(Account, "bob")
    actor._scope = None
    with pytest.raises(Misuse):
        await kept.deposit(amount=1)
    assert scope.asked == []


def test_actors_are_made_by_the_platform() -> None:
    with pytest.raises(Misuse, match=r"use platform.actor\(Plain, key\)"):
        Plain()


async def test_the_default_hook_does_nothing() -> None:
    actor = Definition.of(Plain).instance("a", None)
    await actor.on_activate()
    assert not vars(actor)


def test_an_idle_actor_carries_no_dictionary_of_its_own_yet() -> None:
    assert AnyActor.__slots__ == ("_key", "_scope")
    assert vars(Definition.of(Account).instance("a", AccountState())) == {}


async def test_a_method_that_the_class_does_not_have() -> None:
    actor, _ = perform(Account)
    with pytest.raises(UnknownMethod, match="account has no method 'burn': it has bad_query, balance"):
        await actor.ask(Account, "bob", "burn")
