"""What actors may answer: models to check histories against."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import orjson

from natya_ops.chaos.record import Operation, Outcome, Verb

UNRELATED: Final = frozenset({"invalid", "not_json", "precondition_failed", "too_large", "call_cycle", "id_reused"})
"""Refusals that do not come from the actor's state."""


class Model(Protocol):
    """An actor as a client may imagine it. States are immutable and hashable."""

    def initial(self, key: str) -> Hashable:
        """The state before the first operation."""
        ...

    def step(self, state: Any, operation: Operation) -> Sequence[Hashable]:
        """The states in which ``operation`` may leave the actor if it takes effect in ``state``; none if it cannot have ended
        as it did.

        If nobody saw the answer (see `sees`), it is possible in every state, perhaps as a *no* that changes nothing. A method
        that the model does not know says nothing. A query or a refusal leaves the state as it is; where actors also
        change by themselves, it may be what is now known of it.
        """
        ...

    def call(self, operation: Operation) -> Hashable:
        """What of the call matters: operations of equal calls do the same, in every state."""
        return operation.method, orjson.dumps(operation.arguments, option=orjson.OPT_SORT_KEYS)


def sees(operation: Operation) -> bool:
    """Whether somebody saw the answer: not that of an unknown outcome or of a tell."""
    return operation.outcome is not Outcome.UNKNOWN and operation.verb is not Verb.TELL


def slug_of(operation: Operation) -> str:
    """What it was refused with."""
    code = operation.result.get("code") if isinstance(operation.result, dict) else None
    return code if isinstance(code, str) else operation.error


@dataclass(frozen=True, slots=True)
class Account(Model):
    """The account that ships: its state is the balance. ``opening``: the balances that were not 0 at the beginning.

    A command whose ``amount`` is not known, as it is not from the journal, may have had any that its answer allows.
    """

    opening: Mapping[str, int] = field(default_factory=dict)

    def initial(self, key: str) -> int:
        return self.opening.get(key, 0)

    def step(self, state: int, operation: Operation) -> Sequence[int]:
        if operation.method not in ("deposit", "withdraw", "balance"):
            return (state,)
        if operation.method == "balance":
            return (state,) if not sees(operation) or _member(operation.result, "balance") == state else ()
        amount = operation.arguments.get("amount")
        lacks = operation.method == "withdraw" and amount is not None and amount > state
        after = state if amount is None or lacks else state + amount if operation.method == "deposit" else state - amount
        if not sees(operation):
            return (after,)
        answer = _member(operation.result, "balance")
        if operation.outcome is Outcome.REFUSED:
            return (state,) if slug_of(operation) in UNRELATED or self._lacks(state, operation, answer) else ()
        if not isinstance(answer, int) or lacks:
            return ()
        if amount is None:
            return (answer,) if (answer > state if operation.method == "deposit" else 0 <= answer < state) else ()
        return (after,) if after == answer else ()

    def _lacks(self, state: int, operation: Operation, told: Any) -> bool:
        amount = operation.arguments.get("amount")
        right = operation.method == "withdraw" and slug_of(operation) == "insufficient_funds"
        return right and (amount is None or amount > state) and told in (None, state)


@dataclass(frozen=True, slots=True)
class Counter(Model):
    """A number that goes up by one with each ``add``, which answers with the new number; ``read`` answers with the number. In answers
    that are objects it is called ``member``."""

    add: str = "increment"
    read: str = "value"
    member: str = "value"

    def initial(self, key: str) -> int:
        return 0

    def step(self, state: int, operation: Operation) -> Sequence[int]:
        if operation.method not in (self.add, self.read):
            return (state,)
        if operation.outcome is Outcome.REFUSED:
            return (state,) if slug_of(operation) in UNRELATED else ()
        after = state + (operation.method == self.add)
        return (after,) if not sees(operation) or _member(operation.result, self.member) == after else ()

    def call(self, operation: Operation) -> Hashable:
        return operation.method


@dataclass(frozen=True, slots=True)
class Register(Model):
    """A value, None at first, that ``write`` replaces by its argument ``value`` and ``read`` answers. Its state is JSON."""

    def initial(self, key: str) -> bytes:
        return b"null"

    def step(self, state: bytes, operation: Operation) -> Sequence[bytes]:
        if operation.outcome is Outcome.REFUSED:
            return (state,) if slug_of(operation) in UNRELATED else ()
        if operation.method == "write":
            return (_json(operation.arguments["value"]),)
        return (state,) if not sees(operation) or _json(operation.result) == state else ()


NEW: Final = "new"
LATER: Final[Mapping[str, frozenset[str]]] = {
    "new": frozenset(),
    "withdrawing": frozenset({"refused", "depositing", "returning", "done", "returned"}),
    "depositing": frozenset({"returning", "done", "returned"}),
    "returning": frozenset({"returned"}),
    "done": frozenset(),
    "refused": frozenset(),
    "returned": frozenset(),
}
"""The phases that a transfer may reach from each by itself."""


@dataclass(frozen=True, slots=True)
class Transfer(Model):
    """The transfer that ships: its state is the last known phase, with source, target and amount. It goes on by itself, never
    back."""

    def initial(self, key: str) -> tuple[str, tuple[Any, ...]]:
        return NEW, ()

    def step(self, state: tuple[str, tuple[Any, ...]], operation: Operation) -> Sequence[tuple[str, tuple[Any, ...]]]:
        phase, known = state
        if operation.method not in ("start", "status"):
            return (state,)
        starts = operation.method == "start"
        what = _what(operation.arguments) if starts else known
        if operation.outcome is Outcome.REFUSED:
            slug = slug_of(operation)
            right = slug == "transfer_exists" and phase != NEW and what != known
            right = right or (slug == "same_account" and phase == NEW and what[:1] == what[1:2])
            return (state,) if right or slug in UNRELATED else ()
        if starts and phase == NEW and what[0] != what[1]:
            phase, known = "withdrawing", what
        if not sees(operation):
            return ((phase, known),)
        answer = operation.result if isinstance(operation.result, dict) else {}
        now: Any = answer.get("phase")
        if what != known or (known and _what(answer) != known) or not (now == phase or now in LATER[phase]):
            return ()
        return ((now, known),)


def _what(document: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(document.get(name) for name in ("source", "target", "amount"))


def _member(result: Any, name: str) -> Any:
    return result.get(name) if isinstance(result, dict) else result


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
