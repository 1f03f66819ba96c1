"""Errors as RFC 6749, 5.2 spells them: what is wrong with a request for a token, for programs and for people."""

from __future__ import annotations

from typing import Final

from natya.errors import Permanent, Unauthenticated

BASIC: Final = 'Basic realm="natya", charset="UTF-8"'


class OAuthError(Permanent):
    """Raised when a request for a token, or to revoke one, is refused. ``error`` is the registered name."""

    error = "invalid_request"
    code = 400
    headers: dict[str, str] = {}  # noqa: RUF012  never changed

    def document(self) -> dict[str, str]:
        """The body. A description may hold printable ASCII only, without quotation marks and backslashes."""
        text = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "?" for c in self.detail)
        return {"error": self.error, "error_description": text}


class InvalidRequest(OAuthError):
    """Raised when a parameter is missing, there twice, or malformed."""


class InvalidClient(OAuthError, Unauthenticated):
    """Raised when a client does not prove who it is. All ways to fail are told alike."""

    error = "invalid_client"
    code = 401
    headers = {"WWW-Authenticate": BASIC}  # noqa: RUF012


class InvalidGrant(OAuthError, Unauthenticated):
    """Raised when a password or a refresh token is not, or no longer, good for this client. As a status it is 400 by the RFC; it is a
    failed authentication all the same, and counts as one."""

    error = "invalid_grant"


class UnauthorizedClient(OAuthError):
    """Raised when a client may not use this grant type."""

    error = "unauthorized_client"


class UnsupportedGrantType(OAuthError):
    """Raised when there is no such grant type here."""

    error = "unsupported_grant_type"


class InvalidScope(OAuthError):
    """Raised when more is asked for than is allowed."""

    error = "invalid_scope"
