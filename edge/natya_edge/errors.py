"""Problems that only HTTP has, and the response headers that belong to some problems."""

from __future__ import annotations

from collections.abc import Iterable

from natya.errors import Forbidden, NatyaError, Permanent, Retryable, Unauthenticated


class NotFound(Permanent):
    """Raised when the edge has no such path."""

    code = 404
    slug = "not_found"


class UnknownMessage(Permanent):
    """Raised when there is no such message, or not for whoever asks."""

    code = 404
    slug = "unknown_message"


class MethodNotAllowed(Permanent):
    """Raised when a path is asked with the wrong HTTP method. ``allowed`` are the right ones."""

    code = 405
    slug = "method_not_allowed"

    def __init__(self, detail: str, allowed: Iterable[str]) -> None:
        super().__init__(detail)
        self.allowed = sorted(allowed)


class BodyTimeout(Permanent):
    """Raised when a client takes too long to send its body: nothing was run."""

    code = 408
    slug = "body_timeout"


class HeadTimeout(Permanent):
    """Raised when a client takes too long to send a request's head."""

    code = 408
    slug = "head_timeout"


class UrlTooLong(Permanent):
    """Raised when a URL is longer than is taken."""

    code = 414
    slug = "url_too_long"


class HeadTooLarge(Permanent):
    """Raised when a request has more headers, or larger ones, than are taken."""

    code = 431
    slug = "head_too_large"


class RateLimited(Retryable):
    """Raised when somebody sends more than is taken from one. ``policy`` and ``state`` are the fields `RateLimit-Policy` and
    `RateLimit`."""

    code = 429
    slug = "rate_limited"

    def __init__(self, detail: str, *, limit: str, policy: str, state: str, retry_after: float) -> None:
        super().__init__(detail, retry_after=retry_after, limit=limit)
        self.policy = policy
        self.state = state


class TooManyConnections(Retryable):
    """Raised when one address has as many connections as it may."""

    code = 429
    slug = "too_many_connections"


class OriginRefused(Forbidden):
    """Raised when a page of a strange origin asks whether it may send a request."""


class UnsupportedMediaType(Permanent):
    """Raised when a body is declared to be something else than plain JSON."""

    code = 415
    slug = "unsupported_media_type"


class ExpectationFailed(Permanent):
    """Raised when a request expects what the edge cannot do."""

    code = 417
    slug = "expectation_failed"


class TooManyStreams(Retryable):
    """Raised when a principal has as many streams of events open as it may."""

    code = 429
    slug = "too_many_streams"


class BadToken(Unauthenticated):
    """Raised when a bearer token proves nothing."""


class MissingScope(Forbidden):
    """Raised when a method needs a scope that the token does not have."""

    def __init__(self, detail: str, scope: str) -> None:
        super().__init__(detail, scope=scope)
        self.scope = scope


class NotAdmitted(Forbidden):
    """Raised when a method or a kind is open to others only: to owners, or to roles that the token does not have."""


def allow(methods: Iterable[str]) -> str:
    """The value of `Allow`. What may be done can be asked everywhere."""
    return ", ".join(sorted({*methods, "OPTIONS"}))


def headers_of(error: NatyaError) -> dict[str, str]:
    """The response headers that an error brings along, apart from `Retry-After`. Challenges are those of RFC 6750."""
    match error:
        case MethodNotAllowed():
            return {"Allow": allow(error.allowed)}
        case RateLimited():
            return {"RateLimit-Policy": error.policy, "RateLimit": error.state}
        case UnsupportedMediaType():
            return {"Accept": "application/json", "Accept-Encoding": "identity"}
        case BadToken():
            return {"WWW-Authenticate": f'Bearer realm="natya", error="invalid_token", error_description="{error.detail}"'}
        case Unauthenticated():
            return {"WWW-Authenticate": 'Bearer realm="natya"'}
        case NotAdmitted():
            return {"WWW-Authenticate": 'Bearer realm="natya", error="insufficient_scope"'}
        case MissingScope():
            return {"WWW-Authenticate": f'Bearer realm="natya", error="insufficient_scope", scope="{error.scope}"'}
        case _:
            return {}
