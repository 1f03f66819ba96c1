"""Every error that a caller can meet, sorted by what the caller should do about it.

=====================  ==========================================  =======================
`Permanent`            do not repeat: mend the request, or a *no*  400 401 403 404 409 412 413 422
`Retryable`            repeat with the same id, a little later     503 409
`Unknown`              it may or may not have happened: ask        504
`Internal`             a bug, ours or the handler's; nothing done  500
=====================  ==========================================  =======================

The same errors travel over NATS (headers ``Nats-Service-Error-Code``, ``Nats-Service-Error`` and a problem document as
body), over HTTP (status and the same document) and are raised in Python. The document follows RFC 9457.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypedDict

_SLUG = re.compile(r"[A-Za-z0-9_.\-]{1,100}\Z")


class FieldError(TypedDict):
    """What is wrong with one field of a request."""

    field: str
    message: str


class NatyaError(Exception):
    """Base of all errors of the platform.

    ``code`` is the status number, ``slug`` the stable name, ``detail`` a sentence for people, ``retry_after`` seconds to
    wait before a repeat where waiting helps, ``extra`` further members of the problem document.
    """

    code: ClassVar[int] = 500
    slug: str = "internal"

    def __init__(self, detail: str = "", *, retry_after: float | None = None, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after
        self.extra = extra

    def problem(self) -> dict[str, Any]:
        """The RFC 9457 problem document."""
        document: dict[str, Any] = {
            "type": f"urn:natya:error:{self.slug}",
            "title": self.slug.replace("_", " ").capitalize(),
            "status": self.code,
            "code": self.slug,
            "detail": self.detail,
        }
        if self.retry_after is not None:
            document["retry_after"] = self.retry_after
        document.update(self.extra)
        return document

    def __str__(self) -> str:
        return f"{self.slug}: {self.detail}" if self.detail else self.slug


class Permanent(NatyaError):
    """Repeating this request as it is will not help."""


class Retryable(NatyaError):
    """Nothing is known to have happened; repeat with the same id, the next attempt number and the first sent time."""

    code = 503


class Unknown(NatyaError):
    """The request may or may not have taken effect, or still may: ask the actor."""

    code = 504


class Invalid(Permanent):
    """Raised when a request does not fit the protocol or the method's signature. ``errors`` names the fields."""

    code = 400
    slug = "invalid"

    def __init__(
        self, detail: str = "", *, field: str | None = None, errors: Sequence[FieldError] = (), **extra: Any
    ) -> None:
        found = list(errors) or ([FieldError(field=field, message=detail)] if field else [])
        if found:
            extra["errors"] = found
        super().__init__(detail, **extra)


class NotJson(Permanent):
    """Raised when a body is neither empty nor a JSON object."""

    code = 400
    slug = "not_json"


class Unauthenticated(Permanent):
    """Raised when a caller does not say who it is, or cannot prove it."""

    code = 401
    slug = "unauthenticated"


class Forbidden(Permanent):
    """Raised when the caller is known and may not do this."""

    code = 403
    slug = "forbidden"


class UnknownMethod(Permanent):
    """Raised when the kind has no such method; the document lists those it has."""

    code = 404
    slug = "unknown_method"


class UnknownKind(Permanent):
    """Raised when no node hosts the kind (on NATS itself this is *no responders*)."""

    code = 404
    slug = "unknown_kind"


class Reject(Permanent):
    """A business *no*, raised by a handler with a slug of its own: ``raise Reject("insufficient_funds", "…", balance=3)``.

    It is final, remembered under the message's id, and rolls the turn's changes back. The slug is a name for programs, 1 to 100
    letters, digits, ``_``, ``-`` or ``.``: anything else is a `ValueError`.
    """

    code = 409

    def __init__(self, slug: str, detail: str = "", **extra: Any) -> None:
        if not _SLUG.match(slug):
            raise ValueError(f"{slug[:100]!r} is not a slug: 1 to 100 letters, digits, _, - or .")
        super().__init__(detail, **extra)
        self.slug = slug


class CallCycle(Permanent):
    """Raised when a call would wait for an actor that, directly or not, waits for the caller. ``actors`` names them."""

    code = 409
    slug = "call_cycle"


class PreconditionFailed(Permanent):
    """Raised when the actor is not at the version that ``Natya-If-Version`` names. ``version`` is the actual one."""

    code = 412
    slug = "precondition_failed"


class TooLarge(Permanent):
    """Raised when a body, a state or an answer exceeds what the servers carry. ``limit`` and ``size`` are bytes."""

    code = 413
    slug = "too_large"


class IdReused(Permanent):
    """Raised when a known id comes again with another method or body."""

    code = 422
    slug = "id_reused"


class Internal(NatyaError):
    """Raised when a handler failed: nothing changed. ``error_id`` finds the traceback in the node's log."""

    code = 500
    slug = "internal"


class Moved(Retryable):
    """Raised when the node that was asked does not own the actor's partition any more."""

    slug = "moved"


class Unavailable(Retryable):
    """Raised when a part the request needs (NATS, the store, an owner) cannot be reached now."""

    slug = "unavailable"


class Overloaded(Retryable):
    """Raised when a bound is reached: mailbox, unwritten actors, open batch."""

    slug = "overloaded"


class IdInFlight(Retryable):
    """Raised when a message of this id, sent by another request, is under way, and the request asked not to join it."""

    code = 409
    slug = "id_in_flight"


class DeadlineExceeded(Unknown):
    """Raised when the caller's deadline passed before an answer was there."""

    slug = "deadline"


class OutcomeUnknown(Unknown):
    """Raised when the platform cannot prove whether the message took effect: it is never run a second time."""

    slug = "outcome_unknown"


class ConfigurationError(Exception):
    """Raised at start when settings and the world do not fit together; the text says what to change."""


_BY_SLUG: dict[str, type[NatyaError]] = {
    cls.slug: cls
    for cls in (
        Invalid, NotJson, Unauthenticated, Forbidden, UnknownMethod, UnknownKind, CallCycle, PreconditionFailed, TooLarge,
        IdReused, Internal, Moved, Unavailable, Overloaded, IdInFlight, DeadlineExceeded, OutcomeUnknown,
    )
}  # fmt: skip
_STANDARD = frozenset({"type", "title", "status", "code", "detail", "retry_after"})


def from_problem(code: int, slug: str, document: Mapping[str, Any]) -> NatyaError:
    """The error that a reply with these headers and this body stands for; the inverse of `NatyaError.problem`."""
    detail = str(document.get("detail", ""))
    extra = {name: value for name, value in document.items() if name not in _STANDARD}
    known = _BY_SLUG.get(slug)
    if known is None or known.code != code:
        if code == 409 and _SLUG.match(slug):
            return Reject(slug, detail, **extra)
        known = {503: Unavailable, 504: OutcomeUnknown}.get(code, Internal if code >= 500 else Invalid)
    error = known.__new__(known)
    NatyaError.__init__(error, detail, retry_after=document.get("retry_after"), **extra)
    return error
