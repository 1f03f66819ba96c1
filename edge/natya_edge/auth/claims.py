"""What the claims of a token must be, once its signature is right, and whom they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from natya_edge.auth.issuer import Issuer
from natya_edge.auth.principal import Principal
from natya_edge.auth.signing_key import LONGEST_LIFE
from natya_edge.errors import BadToken

Claims = Mapping[str, Any]

LEEWAY: Final = 5.0
"""Seconds by which the clocks of an issuer and the edge may differ."""
MAX_SUBJECT: Final = 255
"""Characters, the issuer's prefix among them."""
MAX_ID: Final = 255
"""Characters of ``jti``."""
REQUIRED: Final = ("iss", "aud", "sub", "exp", "iat", "jti")


def check_claims(claims: Claims, issuer: Issuer, now: float) -> float:
    """When the token ends, in seconds since the epoch. Raises `BadToken` unless it is complete, for us and in its time."""
    for name in REQUIRED:
        if claims.get(name) is None:
            raise BadToken(f"the token lacks the claim {name}")
    _check_audience(claims["aud"], issuer)
    if not isinstance(claims["jti"], str) or not 1 <= len(claims["jti"]) <= MAX_ID:
        raise BadToken(f"the claim jti must be text of 1 to {MAX_ID} characters")
    issued, ends = _time(claims, "iat"), _time(claims, "exp")
    if ends + LEEWAY <= now:
        raise BadToken("the token has expired")
    if max(issued, _time(claims, "nbf") if "nbf" in claims else 0.0) > now + LEEWAY:
        raise BadToken("the token is not valid yet")
    if ends - issued > LONGEST_LIFE.total_seconds():
        raise BadToken(f"the token lives too long: {LONGEST_LIFE.days} days are the most from iat to exp")
    return ends + LEEWAY


def principal_of(claims: Claims, issuer: Issuer) -> Principal:
    """Whom checked claims stand for. Raises `BadToken`."""
    subject = _subject(claims["sub"], issuer)
    text = {name: value for name, value in claims.items() if isinstance(value, str)}
    return Principal(subject, _scopes(claims, issuer), _roles(claims, issuer), issuer.name, {**text, "sub": subject})


def _check_audience(audience: Any, issuer: Issuer) -> None:
    if audience == issuer.audience:
        return
    if not (issuer.many_audiences and isinstance(audience, list) and _are_texts(audience) and issuer.audience in audience):
        raise BadToken("the token is not for us: its aud is another")


def _time(claims: Claims, name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1 << 53:
        raise BadToken(f"the claim {name} is no number of seconds since the epoch")
    return float(value)


def _subject(value: Any, issuer: Issuer) -> str:
    # It travels as a NATS header, which loses outer spaces: then two subjects would be one.
    most = MAX_SUBJECT - len(issuer.prefix)
    if not isinstance(value, str) or not 1 <= len(value) <= most or not value.isprintable() or value != value.strip():
        raise BadToken(f"the claim sub must have 1 to {most} printable characters and no outer spaces")
    subject = issuer.prefix + value
    if issuer.foreign and subject.startswith(issuer.foreign):
        raise BadToken("the claim sub is one that only another issuer may speak of")
    return subject


def _scopes(claims: Claims, issuer: Issuer) -> frozenset[str]:
    """Names with spaces between them (RFC 8693), or a list of names, as some issuers write it."""
    value = _at(claims, issuer.scope_claim)
    if isinstance(value, str):
        return frozenset(value.split())
    return _names(value, issuer.scope_claim)


def _roles(claims: Claims, issuer: Issuer) -> frozenset[str]:
    found = _names(_at(claims, issuer.roles_claim), issuer.roles_claim)
    if issuer.roles is None:
        return found
    return frozenset(issuer.roles[name] for name in found if name in issuer.roles)


def _names(value: Any, claim: str) -> frozenset[str]:
    if value is None:
        return frozenset()
    if not isinstance(value, list) or not _are_texts(value):
        raise BadToken(f"the claim {claim} must be a list of names")
    return frozenset(value)


def _at(claims: Claims, path: str) -> Any:
    """The claim of this name, or at this path: ``realm_access.roles``."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _are_texts(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)
