"""Commands that their sender does not wait for: stored, answered with 202, run later, and asked for under `/v1/messages`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from natya.errors import IdReused, Unavailable
from natya.message import Answer
from natya.outcome import Outcome, Stand
from natya.ref import Options
from natya_edge.gateway import Calls
from natya_edge.tickets import Ticket

KNOWN_WITHIN: Final = 0.5
"""Seconds in which the actor's owner may say whether a repeated message is known. If it does not, the message is stored again."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command to be stored. ``repeatable``: its sender may have sent it before."""

    ticket: Ticket
    method: str
    body: bytes
    options: Options
    caller: str
    traceparent: str
    repeatable: bool


async def accept(calls: Calls, command: Command, wait: float) -> Answer | None:
    """Store the command; its answer if that comes within ``wait`` seconds. When this returns the command is stored and will be run,
    however it ends. Raises `IdReused`, `Unavailable`, `TooLarge`."""
    ticket = command.ticket
    if not (command.repeatable and await _is_known(calls, ticket)):
        await calls.store(
            ticket.kind, ticket.key, command.method, command.body, command.options,
            caller=command.caller, traceparent=command.traceparent,
        )  # fmt: skip
    if wait <= 0:
        return None
    try:
        outcome = await calls.outcome(ticket.kind, ticket.key, ticket.id, wait=wait)
    except Unavailable:
        return None  # it is stored all the same
    return answer_of(ticket, outcome)


async def _is_known(calls: Calls, ticket: Ticket) -> bool:
    """Whether the message has come before. Raises `IdReused` if another one has."""
    try:
        outcome = await calls.outcome(ticket.kind, ticket.key, ticket.id, timeout=KNOWN_WITHIN)
    except Unavailable:
        return False  # storing it again does no harm: it takes effect once
    if is_another(ticket, outcome):
        raise _reused()
    return outcome.stand is not Stand.UNKNOWN


def is_another(ticket: Ticket, outcome: Outcome) -> bool:
    """Whether the outcome is that of another message under the ticket's id: another method or body."""
    return bool(outcome.digest) and outcome.digest != ticket.digest


def answer_of(ticket: Ticket, outcome: Outcome) -> Answer | None:
    """The answer to the ticket's message; None while there is none."""
    if is_another(ticket, outcome):
        return Answer.of(_reused())
    return outcome.answer


def describe(ticket: Ticket, answer: Answer | None, failures: int = 0) -> bytes:
    """The message as a document."""
    document: dict[str, Any] = {"id": ticket.text, "kind": ticket.kind, "key": ticket.key, "status": "pending"}
    if answer is None:
        if failures:
            document["failures"] = failures
    elif answer.ok:
        document |= {"status": "done", "result": orjson.Fragment(answer.body or b"null")}
    else:
        document |= {"status": "failed", "problem": orjson.Fragment(answer.body)}
    return orjson.dumps(document)


def _reused() -> IdReused:
    return IdReused("this Idempotency-Key was used before with another method or body for this actor")
