"""What an access token of ours says (RFC 9068)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from natya.clock import Clock, SystemClock


def access_claims(
    issuer: str,
    audience: str,
    subject: str,
    lifetime: timedelta,
    *,
    scope: str = "",
    roles: Iterable[str] = (),
    clock: Clock | None = None,
) -> dict[str, Any]:
    """The claims of a token by which ``subject`` may use the platform for ``lifetime`` from now; ``scope`` holds names with spaces
    between them."""
    now = (clock or SystemClock()).now_ms() // 1000
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": audience,
        "sub": subject,
        "iat": now,
        "exp": now + int(lifetime.total_seconds()),
        "jti": secrets.token_urlsafe(16),
    }
    if scope:
        claims["scope"] = scope
    if names := sorted(roles):
        claims["roles"] = names
    return claims
