"""The hierarchy of errors, and its way over the wire and back."""

from __future__ import annotations

import orjson
import pytest

from natya import errors
from natya.errors import (
    CallCycle,
    DeadlineExceeded,
    Forbidden,
    IdInFlight,
    IdReused,
    Internal,
    Invalid,
    Moved,
    NatyaError,
    NotJson,
    OutcomeUnknown,
    Overloaded,
    Permanent,
    PreconditionFailed,
    Reject,
    Retryable,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Unknown,
    UnknownKind,
    UnknownMethod,
    from_problem,
)

TABLE = {
    Invalid: (400, "invalid"),
    NotJson: (400, "not_json"),
    Unauthenticated: (401, "unauthenticated"),
    Forbidden: (403, "forbidden"),
    UnknownMethod: (404, "unknown_method"),
    UnknownKind: (404, "unknown_kind"),
    CallCycle: (409, "call_cycle"),
    PreconditionFailed: (412, "precondition_failed"),
    TooLarge: (413, "too_large"),
    IdReused: (422, "id_reused"),
    Internal: (500, "internal"),
    Moved: (503, "moved"),
    Unavailable: (503, "unavailable"),
    Overloaded: (503, "overloaded"),
    IdInFlight: (409, "id_in_flight"),
    DeadlineExceeded: (504, "deadline"),
    OutcomeUnknown: (504, "outcome_unknown"),
}
ROOTS = {NatyaError, Permanent, Retryable, Unknown, Reject}


def test_every_error_is_in_the_table() -> None:
    defined = {c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, NatyaError)}
    assert defined == set(TABLE) | ROOTS


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: str(kind.__name__))
def test_an_error_keeps_its_kind_and_fields_over_the_wire(kind: type[NatyaError]) -> None:
    error = kind("what was wrong", retry_after=2.5, limit=7, actors=["a/1"])
    assert (error.code, error.slug) == TABLE[kind]
    document = orjson.loads(orjson.dumps(error.problem()))
    assert document["type"] == f"urn:natya:error:{error.slug}"
    assert (document["status"], document["code"], document["detail"]) == (error.code, error.slug, "what was wrong")
    back = from_problem(error.code, error.slug, document)
    assert type(back) is kind
    assert (back.code, back.slug, back.detail) == (error.code, error.slug, "what was wrong")
    assert back.retry_after == 2.5
    assert back.extra == {"limit": 7, "actors": ["a/1"]}
    assert back.problem() == error.problem()


def test_errors_are_sorted_by_what_the_caller_should_do() -> None:
    for kind, (code, _) in TABLE.items():
        expected = {503: Retryable, 504: Unknown, 500: Internal}.get(code, Permanent)
        assert issubclass(kind, Retryable if kind is IdInFlight else expected)


def test_a_reject_keeps_its_own_slug_and_fields_over_the_wire() -> None:
    error = Reject("insufficient_funds", "3 is less than 5", balance=3)
    back = from_problem(409, error.slug, error.problem())
    assert isinstance(back, Reject)
    assert (back.slug, back.detail, back.extra) == ("insufficient_funds", "3 is less than 5", {"balance": 3})
    assert error.problem()["title"] == "Insufficient funds"
    assert error.problem()["balance"] == 3


def test_a_reject_with_the_slug_of_another_error_stays_a_reject() -> None:
    back = from_problem(409, "invalid", Reject("invalid", "by the business").problem())
    assert isinstance(back, Reject)
    assert back.slug == "invalid"


@pytest.mark.parametrize(
    ("code", "expected"), [(503, Unavailable), (504, OutcomeUnknown), (500, Internal), (502, Internal), (418, Invalid)]
)
def test_an_unknown_slug_is_read_by_its_code(code: int, expected: type[NatyaError]) -> None:
    assert type(from_problem(code, "of_a_later_version", {"detail": "d"})) is expected


def test_an_invalid_request_names_its_fields() -> None:
    assert Invalid("must be positive", field="amount").problem()["errors"] == [
        {"field": "amount", "message": "must be positive"}
    ]
    given = [errors.FieldError(field="a", message="x"), errors.FieldError(field="b", message="y")]
    assert Invalid("two", errors=given).problem()["errors"] == given
    assert "errors" not in Invalid("nothing in particular").problem()


def test_an_errors_text_is_slug_and_detail() -> None:
    assert str(Moved("to node 2")) == "moved: to node 2"
    assert str(Moved()) == "moved"
