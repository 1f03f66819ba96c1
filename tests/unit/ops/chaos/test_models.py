"""What each model lets an actor answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from natya import Reject
from natya.testing import TestPlatform
from natya_actors import Account as AccountActor
from natya_actors import Transfer as TransferActor
from natya_ops.chaos.models import Account, Counter, Model, Register, Transfer, sees, slug_of
from natya_ops.chaos.record import Operation, Outcome, Verb
from support.histories import balance, command, deposit, refused, told, unknown, withdraw

MOVE: dict[str, Any] = {"source": "alice", "target": "bob", "amount": 5}


def start(phase: str | None, **other: Any) -> Operation:
    """A transfer begun, answered with this phase; None: nobody heard an answer."""
    what = MOVE | other
    if phase is None:
        return unknown("start", 0, **what)
    return command("start", 0, 1, {"phase": phase, "reason": "", **what}, **what)


def status(phase: str, **other: Any) -> Operation:
    return command("status", 0, 1, {"phase": phase, "reason": "", **MOVE, **other}, verb=Verb.QUERY)


NEW = Transfer().initial("t")
MOVING = ("withdrawing", ("alice", "bob", 5))


@pytest.mark.parametrize(
    ("model", "state", "operation", "after"),
    [
        (Account(), 3, deposit(5, 0, 1, 8), [8]),
        (Account(), 3, deposit(5, 0, 1, 5), []),
        (Account(), 8, withdraw(5, 0, 1, 3), [3]),
        (Account(), 5, withdraw(5, 0, 1, 0), [0]),
        (Account(), 4, withdraw(5, 0, 1, -1), []),
        (Account(), 3, balance(0, 1, 3), [3]),
        (Account(), 3, balance(0, 1, 4), []),
        (Account(), 3, refused("withdraw", 0, 1, amount=4), [3]),
        (Account(), 4, refused("withdraw", 0, 1, amount=4), []),
        (Account(), 4, refused("withdraw", 0, 1, "no_reason_at_all", amount=5), []),
        (Account(), 3, refused("deposit", 0, 1, amount=4), []),
        (Account(), 3, refused("deposit", 0, 1, "invalid", amount=-4), [3]),
        (Account(), 3, unknown("deposit", 0, amount=4), [7]),
        (Account(), 3, unknown("withdraw", 0, amount=4), [3]),
        (Account(), 3, told("withdraw", 0, amount=2), [1]),
        (Account(), 3, command("state", 0, 1, {"version": 9, "state": {}}, verb=Verb.QUERY), [3]),
        # the amount is not known
        (Account(), 3, command("deposit", 0, 1, {"balance": 8}), [8]),
        (Account(), 8, command("deposit", 0, 1, {"balance": 8}), []),
        (Account(), 8, command("withdraw", 0, 1, {"balance": 3}), [3]),
        (Account(), 8, command("withdraw", 0, 1, {"balance": -1}), []),
        (Account(), 8, refused("withdraw", 0, 1), [8]),
        (Counter(), 3, command("increment", 0, 1, {"value": 4}), [4]),
        (Counter(), 3, command("increment", 0, 1, {"value": 5}), []),
        (Counter(), 3, command("value", 0, 1, {"value": 3}, verb=Verb.QUERY), [3]),
        (Counter(), 3, command("value", 0, 1, {"value": 2}, verb=Verb.QUERY), []),
        (Counter(), 3, unknown("increment", 0), [4]),
        (Counter(), 3, refused("increment", 0, 1, "too_many"), []),
        (Counter("write", "read"), 3, command("write", 0, 1, 4), [4]),
        (Counter("deliver", "received", "received"), 3, command("newest", 0, 1, [], verb=Verb.QUERY), [3]),
        (Register(), b"null", command("read", 0, 1, None, verb=Verb.QUERY), [b"null"]),
        (Register(), b"null", command("write", 0, 1, None, value={"b": 1, "a": 2}), [b'{"a":2,"b":1}']),
        (Register(), b'{"a":2,"b":1}', command("read", 0, 1, {"b": 1, "a": 2}, verb=Verb.QUERY), [b'{"a":2,"b":1}']),
        (Register(), b"1", command("read", 0, 1, 2, verb=Verb.QUERY), []),
        (Register(), b"1", unknown("write", 0, value=2), [b"2"]),
        (Transfer(), NEW, start("withdrawing"), [MOVING]),
        (Transfer(), NEW, start(None), [MOVING]),
        (Transfer(), NEW, start(None, target="alice"), [NEW]),
        (Transfer(), NEW, start("withdrawing", target="alice"), []),
        (Transfer(), NEW, command("status", 0, 1, {"phase": "new", "source": ""}, verb=Verb.QUERY), [NEW]),
        (Transfer(), NEW, status("done"), []),
        (Transfer(), MOVING, start("depositing"), [("depositing", MOVING[1])]),
        (Transfer(), MOVING, start("withdrawing", amount=6), []),
        (Transfer(), MOVING, status("done"), [("done", MOVING[1])]),
        (Transfer(), MOVING, status("done", amount=6), []),
        (Transfer(), ("done", MOVING[1]), status("depositing"), []),
        (Transfer(), ("done", MOVING[1]), status("refused"), []),
        (Transfer(), ("refused", MOVING[1]), status("returned"), []),
        (Transfer(), MOVING, refused("start", 0, 1, "transfer_exists", **{**MOVE, "amount": 6}), [MOVING]),
        (Transfer(), MOVING, refused("start", 0, 1, "transfer_exists", **MOVE), []),
        (Transfer(), NEW, refused("start", 0, 1, "transfer_exists", **MOVE), []),
        (Transfer(), NEW, refused("start", 0, 1, "same_account", source="a", target="a", amount=1), [NEW]),
        (Transfer(), NEW, refused("start", 0, 1, "same_account", **MOVE), []),
    ],
)
def test_a_step(model: Model, state: Any, operation: Operation, after: list[Any]) -> None:
    assert list(model.step(state, operation)) == after


def test_a_refusal_that_tells_the_balance_must_tell_the_right_one() -> None:
    operation = refused("withdraw", 0, 1, amount=9)
    assert Account().step(3, replace(operation, result={"code": "insufficient_funds", "balance": 3})) == (3,)
    assert Account().step(3, replace(operation, result={"code": "insufficient_funds", "balance": 4})) == ()


def test_an_account_may_have_had_a_balance_before_the_history_began() -> None:
    assert Account({"alice": 7}).initial("alice") == 7
    assert Account({"alice": 7}).initial("bob") == 0


def test_calls_are_equal_if_they_do_the_same() -> None:
    assert Account().call(deposit(5, 0, 1, 5)) == Account().call(unknown("deposit", 3, amount=5))
    assert Account().call(deposit(5, 0, 1, 5)) != Account().call(deposit(6, 0, 1, 6))
    tells = [told("deliver", 0, text=text) for text in ("a", "b")]
    assert Counter("deliver").call(tells[0]) == Counter("deliver").call(tells[1])


def test_nobody_sees_the_answer_to_a_tell_or_of_what_is_unknown() -> None:
    assert sees(deposit(5, 0, 1, 5))
    assert sees(refused("withdraw", 0, 1, amount=5))
    assert not sees(told("deposit", 0, amount=5))
    assert not sees(unknown("deposit", 0, amount=5))


def test_the_slug_is_that_of_the_problem_document_if_there_is_one() -> None:
    operation = replace(refused("withdraw", 0, 1, amount=5), error="said in words")
    assert slug_of(operation) == "insufficient_funds"
    assert slug_of(replace(operation, result=None)) == "said in words"


async def test_the_models_agree_with_the_actors_that_ship() -> None:
    """What the real actors answer, one after another, is what the models expect."""
    async with TestPlatform(AccountActor, TransferActor) as platform:

        async def ask(kind: str, key: str, method: str, **arguments: Any) -> Operation:
            verb = Verb.QUERY if method in ("balance", "status") else Verb.ASK
            operation = Operation(1, "nats", verb, kind, key, method, "", 0, arguments, 1, Outcome.OK)
            try:
                operation.result = await platform.actor(kind, key).method(method)(**arguments)
            except Reject as no:
                operation.outcome, operation.error, operation.result = Outcome.REFUSED, no.slug, no.problem()
            return operation

        account = [
            await ask("account", "alice", "withdraw", amount=1),
            await ask("account", "alice", "deposit", amount=9),
            await ask("account", "alice", "withdraw", amount=2),
            await ask("account", "alice", "balance"),
        ]
        transfer = [
            await ask("transfer", "t", "status"),
            await ask("transfer", "t", "start", source="alice", target="alice", amount=5),
            await ask("transfer", "t", "start", **MOVE),
            await ask("transfer", "t", "start", **{**MOVE, "amount": 6}),
        ]
        await platform.settle()
        transfer += [await ask("transfer", "t", "status"), await ask("transfer", "t", "start", **MOVE)]
    models: tuple[tuple[Model, list[Operation]], ...] = ((Account(), account), (Transfer(), transfer))
    for model, operations in models:
        state = model.initial("alice")
        for operation in operations:
            (state,) = model.step(state, operation)
    assert state == ("done", ("alice", "bob", 5))
