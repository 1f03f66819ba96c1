"""Problems that only HTTP has, and the response headers that belong to some problems."""

from __future__ import annotations

from collections.abc import Iterable

from natya.errors import Forbidden, NatyaError, Permanent, Unauthenticated


class NotFound(Permanent):
    """Raised when the edge has no such path."""

    code = 404
    slug = "not_found"


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


class UnsupportedMediaType(Permanent):
    """Raised when a body is declared to be something else than plain JSON."""

    code = 415
    slug = "unsupported_media_type"


class ExpectationFailed(Permanent):
    """Raised when a request expects what the edge cannot do."""

    code = 417
    slug = "expectation_failed"


class BadToken(Unauthenticated):
    """Raised when a bearer token proves nothing."""


class MissingScope(Forbidden):
    """Raised when a method needs a scope that the token does not have."""

    def __init__(self, detail: str, scope: str) -> None:
        super().__init__(detail, scope=scope)
        self.scope = scope


class NotAdmitted(Forbidden):
    """Raised when a method or a kind is open to others only: to owners, or to roles that the token does not have."""


def headers_of(error: NatyaError) -> dict[str, str]:
    """The response headers that an error brings along, apart from `Retry-After`. Challenges are those of RFC 6750."""
    match error:
        case MethodNotAllowed():
            return {"Allow": ", ".join(error.allowed)}
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
