"""The problem documents of RFC 9457 that operations can answer with, one component for each status.

The examples are made by the very errors that the edge raises, so they look as what really comes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from natya import errors
from natya.errors import NatyaError
from natya_edge.errors import (
    BadToken,
    BodyTimeout,
    MissingScope,
    NotAdmitted,
    RateLimited,
    TooManyConnections,
    UnsupportedMediaType,
)
from natya_edge.openapi.schemas import Schema, component

PROBLEM: Final = "Problem"
_REQUEST: Final = "ges8lxfpsiz64b-3"

PROBLEM_SCHEMA: Final[Schema] = {
    "type": "object",
    "description": "What went wrong, for programs (`code`) and for people (`detail`), as in RFC 9457. Some problems have members of "
    "their own, for instance the balance that was too low.",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "`urn:natya:error:` and the code"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string", "description": "a name for programs"},
        "detail": {"type": "string", "description": "a sentence for people"},
        "request_id": {"type": "string", "description": "as in the header X-Request-Id, and in the edge's log"},
        "errors": {
            "type": "array",
            "description": "the fields that are wrong",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "retry_after": {"type": "number", "description": "seconds to wait before a repeat, where waiting helps"},
        "error_id": {"type": "string", "description": "finds a failure in the log"},
    },
}


@dataclass(frozen=True, slots=True)
class Problem:
    """All problems of one status: what to do about them, an example for each, and the headers that come along."""

    name: str
    status: int
    what: str
    examples: tuple[NatyaError, ...]
    headers: tuple[str, ...] = field(default=())

    def response(self) -> Schema:
        """The component."""
        shown = {error.slug: {"value": {**error.problem(), "request_id": _REQUEST}} for error in self.examples}
        return {
            "description": self.what,
            "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *self.headers)},
            "content": {"application/problem+json": {"schema": component(PROBLEM), "examples": shown}},
        }


INVALID: Final = Problem(
    "Invalid",
    400,
    "The request does not fit; `errors` names the fields. Mend it.",
    (
        errors.Invalid("account.deposit: amount: Input should be greater than 0", field="amount"),
        errors.NotJson("account.deposit: the body is no JSON object"),
    ),
)
UNAUTHENTICATED: Final = Problem(
    "Unauthenticated",
    401,
    "There is no token, or not a good one; `WWW-Authenticate` says what is wrong.",
    (BadToken("the token has expired"),),
    ("WWW-Authenticate",),
)
FORBIDDEN: Final = Problem(
    "Forbidden",
    403,
    "The token is good, but does not allow this.",
    (
        MissingScope("transfer.proceed needs a token with the scope internal", "internal"),
        NotAdmitted("account.withdraw is open to the owner of the key only", owner="sub"),
    ),
)
NOT_FOUND: Final = Problem(
    "NotFound",
    404,
    "There is no such thing. A kind or a method may be gone since this description was read.",
    (
        errors.UnknownMethod("account has no method 'pay'; it has balance, deposit, withdraw", methods=["balance", "deposit", "withdraw"]),
        errors.UnknownKind("no kind 'loan' is deployed; there is account, transfer", kind="loan"),
    ),
)  # fmt: skip
BODY_TIMEOUT: Final = Problem(
    "BodyTimeout",
    408,
    "The body took too long to come; nothing was run.",
    (BodyTimeout("the body was not there within 20 s; nothing was run"),),
)
REJECTED: Final = Problem(
    "Rejected",
    409,
    "A *no* for reasons of the actor's own, which `code` names. It is final: with the same `Idempotency-Key` it stays *no*. "
    "Only `id_in_flight` is not: another request with this key is under way, so repeat it after `Retry-After` seconds.",
    (
        errors.Reject("insufficient_funds", "the balance is 5, 50 cannot be withdrawn", balance=5),
        errors.CallCycle("this call would wait for itself", actors=["transfer/t1", "account/alice"]),
        errors.IdInFlight(
            "a request with this id is under way; repeat with the same id to learn its outcome", retry_after=1.0
        ),
    ),
    ("Retry-After", "Link"),
)
PRECONDITION_FAILED: Final = Problem(
    "PreconditionFailed",
    412,
    "The actor is not at the version that `If-Match` names, so nothing was run. Read the state again.",
    (errors.PreconditionFailed("the actor is at version 8, not 7", version=8),),
)
TOO_LARGE: Final = Problem(
    "TooLarge",
    413,
    "The body, the state or the answer exceeds a limit; `limit` and `size` are bytes.",
    (errors.TooLarge("the body has 2000000 bytes: at most 1032192 are taken", limit=1_032_192, size=2_000_000),),
)
UNSUPPORTED_MEDIA_TYPE: Final = Problem(
    "UnsupportedMediaType",
    415,
    "The body is not plain JSON in UTF-8.",
    (UnsupportedMediaType("a body of 'text/plain': send JSON in UTF-8, as Content-Type: application/json"),),
)
ID_REUSED: Final = Problem(
    "IdReused",
    422,
    "The `Idempotency-Key` stands for another method or body already.",
    (errors.IdReused("this id came before with another method or body"),),
)
TOO_MANY: Final = Problem(
    "TooMany",
    429,
    "You send more than is taken from one. Repeat after `Retry-After` seconds, with the same `Idempotency-Key`.",
    (
        RateLimited(
            "too many requests",
            limit="principal",
            policy='"principal";q=2000;w=2',
            state='"principal";r=0;t=1',
            retry_after=1.0,
        ),
        TooManyConnections("this address has as many connections as it may", retry_after=1.0),
    ),
    ("Retry-After", "RateLimit-Policy", "RateLimit"),
)
INTERNAL: Final = Problem(
    "Internal",
    500,
    "A bug, ours or the handler's. Nothing changed; `error_id` finds it in the log.",
    (errors.Internal("account.deposit failed; the node's log has more under the id", error_id="3f9a2c"),),
)
UNAVAILABLE: Final = Problem(
    "Unavailable",
    503,
    "Nothing is known to have happened. Repeat after `Retry-After` seconds, with the same `Idempotency-Key`.",
    (
        errors.Unavailable("not connected to NATS", retry_after=1.0),
        errors.Overloaded("the mailbox of this actor is full", retry_after=1.0),
    ),
    ("Retry-After",),
)
UNKNOWN: Final = Problem(
    "Unknown",
    504,
    "It may or may not have happened: ask the actor, or repeat with the same `Idempotency-Key`.",
    (
        errors.DeadlineExceeded("there was no answer within 30 s"),
        errors.OutcomeUnknown("it cannot be proved whether this took effect"),
    ),
    ("Link",),
)

_ALL: Final = (
    INVALID, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, BODY_TIMEOUT, REJECTED, PRECONDITION_FAILED, TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE, ID_REUSED, TOO_MANY, INTERNAL, UNAVAILABLE, UNKNOWN,
)  # fmt: skip


def components() -> dict[str, Schema]:
    """All of them, by name."""
    return {problem.name: problem.response() for problem in _ALL}


def responses(problems: Iterable[Problem]) -> dict[str, Any]:
    """The part of an operation's responses that these are."""
    ordered = sorted(problems, key=lambda problem: problem.status)
    return {str(problem.status): {"$ref": f"#/components/responses/{problem.name}"} for problem in ordered}
