"""Bearer tokens: JWT as in RFC 9068 (``typ`` is ``at+jwt``), signed with one secret and HS256.

A token is believed only if algorithm, type, issuer and audience are exactly ours, all claims are there and it is in its time.
What it says beyond that is read as data: nothing in a token chooses how it is checked.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

import jwt

from natya.clock import Clock, SystemClock
from natya_edge.auth.access_token import access_claims
from natya_edge.auth.principal import OPERATOR, Principal
from natya_edge.errors import BadToken

ISSUER: Final = "natya"
AUDIENCE: Final = "natya"
TYPE: Final = "at+jwt"
ALGORITHM: Final = "HS256"
LEEWAY: Final = 5.0
"""Seconds by which the clocks of the issuer and the edge may differ."""
MAX_TOKEN: Final = 4_096
MAX_SUBJECT: Final = 255
REMEMBERED: Final = 60.0
"""Seconds until a verified token is verified again."""

_CLAIMS: Final = ("iss", "aud", "sub", "exp", "iat", "jti")


class Tokens:
    """Verifies tokens and remembers verified ones, at most ``size``: verifying takes 30 µs, remembering 0.1 µs."""

    def __init__(self, secret: str, clock: Clock | None = None, *, size: int = 10_000) -> None:
        self._secret = secret
        self._clock = clock or SystemClock()
        self._size = size
        self._known: dict[str, tuple[float, Principal]] = {}

    def recall(self, token: str) -> Principal | None:
        """Whom the token stands for, if that was found out a moment ago."""
        known = self._known.get(token)
        if known is not None:
            if self._clock.now_ms() / 1000 < known[0]:
                return known[1]
            del self._known[token]
        return None

    def verify(self, token: str) -> Principal:
        """Whom the token stands for. Raises `BadToken`."""
        known = self.recall(token)
        if known is not None:
            return known
        now = self._clock.now_ms() / 1000
        if len(token) > MAX_TOKEN or not token.isascii():
            raise BadToken(f"the token is no JWT of at most {MAX_TOKEN} characters")
        claims = self._claims(token)
        until = _check_times(claims, now)
        principal = _principal(claims)
        if len(self._known) >= self._size:
            del self._known[next(iter(self._known))]
        self._known[token] = (min(until, now + REMEMBERED), principal)
        return principal

    def __len__(self) -> int:
        """How many tokens are remembered."""
        return len(self._known)

    def _claims(self, token: str) -> dict[str, Any]:
        """The claims of a token whose signature, header, issuer and audience are right."""
        try:
            found = jwt.decode_complete(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                options={
                    "require": list(_CLAIMS),
                    "strict_aud": True,
                    "verify_exp": False,  # times are checked against the clock that was handed in
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except jwt.MissingRequiredClaimError as error:
            raise BadToken(f"the token lacks the claim {error.claim}") from error
        except (jwt.InvalidIssuerError, jwt.InvalidAudienceError) as error:
            raise BadToken("the token was not issued by us or not for us") from error
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise BadToken("the token is no JWT that we signed") from error
        if str(found["header"].get("typ")).lower() not in (TYPE, f"application/{TYPE}"):
            raise BadToken(f"the token is no access token: its typ must be {TYPE}")
        claims: dict[str, Any] = found["payload"]
        return claims


def _check_times(claims: dict[str, Any], now: float) -> float:
    """When the token ends."""
    until = _time(claims, "exp") + LEEWAY
    if until <= now:
        raise BadToken("the token has expired")
    if _time(claims, "iat") > now + LEEWAY or ("nbf" in claims and _time(claims, "nbf") > now + LEEWAY):
        raise BadToken("the token is not valid yet")
    return until


def _time(claims: dict[str, Any], name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1 << 53:
        raise BadToken(f"the claim {name} is no number of seconds since the epoch")
    return float(value)


def _principal(claims: dict[str, Any]) -> Principal:
    return Principal(
        _subject(claims["sub"]),
        _scopes(claims.get("scope", "")),
        _roles(claims.get("roles", [])),
        claims["iss"],
        {name: value for name, value in claims.items() if isinstance(value, str)},
    )


def _subject(value: Any) -> str:
    # It travels as a NATS header, which loses outer spaces: then two subjects would be one.
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_SUBJECT or not value.isprintable() or value != value.strip():
        raise BadToken(f"the claim sub must have 1 to {MAX_SUBJECT} printable characters and no outer spaces")
    return value


def _scopes(value: Any) -> frozenset[str]:
    if not isinstance(value, str):
        raise BadToken("the claim scope must be names with spaces between them")
    return frozenset(value.split())


def _roles(value: Any) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise BadToken("the claim roles must be a list of names")
    return frozenset(value)


def make_dev_token(
    secret: str,
    subject: str = "dev",
    *,
    scope: str = "",
    roles: Iterable[str] = (OPERATOR,),
    lifetime: timedelta = timedelta(days=30),
    clock: Clock | None = None,
) -> str:
    """A token for development: ``subject`` may use the platform for ``lifetime``, methods with a scope only if ``scope``
    (names with spaces between them) has it. If ``roles`` do not say otherwise it is an operator, who may do more or less everything."""
    claims = access_claims(ISSUER, AUDIENCE, subject, lifetime, scope=scope, roles=roles, clock=clock)
    return jwt.encode(claims, secret, algorithm=ALGORITHM, headers={"typ": TYPE})


__all__ = ["Tokens", "make_dev_token"]
