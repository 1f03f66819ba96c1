"""Histories to be judged: written by hand, or made from an execution that is known."""

from __future__ import annotations

from itertools import permutations
from math import inf
from random import Random
from typing import Any

from natya_ops.chaos.models import Model
from natya_ops.chaos.record import Operation, Outcome, Verb


def command(
    method: str, begun: float, ended: float, result: Any = None, *, verb: Verb = Verb.ASK, **arguments: Any
) -> Operation:
    """An operation that was answered; as a tell, one that was stored."""
    return Operation(1, "nats", verb, "account", "alice", method, "", begun, arguments, ended, Outcome.OK, 1, result)


def deposit(amount: int, begun: float, ended: float, balance: int) -> Operation:
    return command("deposit", begun, ended, {"balance": balance}, amount=amount)


def withdraw(amount: int, begun: float, ended: float, balance: int) -> Operation:
    return command("withdraw", begun, ended, {"balance": balance}, amount=amount)


def balance(begun: float, ended: float, balance: int) -> Operation:
    return command("balance", begun, ended, {"balance": balance}, verb=Verb.QUERY)


def told(method: str, begun: float, **arguments: Any) -> Operation:
    """A tell that was stored at once."""
    return command(method, begun, begun, {"stream": "mail", "seq": 1}, verb=Verb.TELL, **arguments)


def unknown(method: str, begun: float, **arguments: Any) -> Operation:
    """An operation that nobody heard the end of."""
    return Operation(1, "nats", Verb.ASK, "account", "alice", method, "", begun, arguments)


def refused(method: str, begun: float, ended: float, slug: str = "insufficient_funds", **arguments: Any) -> Operation:
    return Operation(
        1,
        "nats",
        Verb.ASK,
        "account",
        "alice",
        method,
        "",
        begun,
        arguments,
        ended,
        Outcome.REFUSED,
        1,
        {"code": slug},
        slug,
    )


def executed(
    chance: Random, count: int, *, overlap: float = 3.0, largest: int = 20, tells: float = 0.0, lost: float = 0.0
) -> list[Operation]:
    """What clients of one account see of ``count`` operations that take effect one after another, each within an interval of up to
    ``overlap`` operations before and behind. A part ``tells`` of the commands is told, of a part ``lost`` the answer is, and as many again
    never take effect."""
    now = 0
    history = []
    for number in range(count):
        begun, ended = number - chance.uniform(0, overlap), number + chance.uniform(0, overlap)
        amount = chance.randint(1, largest)
        method = chance.choice(("deposit", "deposit", "withdraw", "balance"))
        if method == "balance":
            history.append(balance(begun, ended, now))
            continue
        enough = method == "deposit" or amount <= now
        now += 0 if not enough else amount if method == "deposit" else -amount
        if chance.random() < tells:
            history.append(told(method, begun, amount=amount))
        elif chance.random() < lost:
            history.append(unknown(method, begun, amount=amount))
        elif enough:
            history.append(command(method, begun, ended, {"balance": now}, amount=amount))
        else:
            history.append(refused(method, begun, ended, amount=amount))
        if chance.random() < lost:
            history.append(unknown(chance.choice(("deposit", "withdraw")), begun, amount=chance.randint(1, largest)))
    chance.shuffle(history)
    return history


def by_trying_all(model: Model, history: list[Operation]) -> bool:
    """Whether a small history has an order that explains it: all orders of all its parts are tried."""
    required = [operation for operation in history if operation.outcome is not Outcome.UNKNOWN]
    optional = [operation for operation in history if operation.outcome is Outcome.UNKNOWN]
    for chosen in range(1 << len(optional)):
        part = required + [operation for number, operation in enumerate(optional) if chosen >> number & 1]
        if any(_explains(model, order) for order in permutations(part)):
            return True
    return False


def _explains(model: Model, order: tuple[Operation, ...]) -> bool:
    for number, operation in enumerate(order):
        end = inf if operation.outcome is Outcome.UNKNOWN or operation.verb is Verb.TELL else operation.ended
        if any(end < earlier.begun for earlier in order[:number]):
            return False
    states = {model.initial("alice")}
    for operation in order:
        states = {after for state in states for after in model.step(state, operation)}
    return bool(states)
