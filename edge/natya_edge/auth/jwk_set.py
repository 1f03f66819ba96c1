"""A JWK Set (RFC 7517) as another issuer publishes it: the keys of it that we can use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
from jwt import PyJWTError

from natya_edge.auth.verifying_key import VerifyingKey

MAX_KEYS: Final = 100

FITTING: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("OKP", "Ed25519"): ("EdDSA",),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("RSA", ""): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
}
"""By type and curve of a key, the algorithms that it can be for."""

_PUBLIC: Final = ("kty", "crv", "x", "y", "n", "e")


def read_jwks(text: bytes, algorithms: Sequence[str]) -> list[VerifyingKey]:
    """The keys for one of ``algorithms``; others are passed over, as the RFC wants it. Raises `ValueError` if there is none."""
    document = orjson.loads(text)
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("it is no JWK Set")
    if len(listed) > MAX_KEYS:
        raise ValueError(f"it has {len(listed)} keys: at most {MAX_KEYS} are read")
    found: dict[str, VerifyingKey] = {}
    for key in _usable(listed, algorithms):
        found.setdefault(key.kid, key)
    if not found:
        raise ValueError(f"it has no key with a kid for {' or '.join(algorithms)}")
    return list(found.values())


def _usable(listed: list[Any], algorithms: Sequence[str]) -> Iterator[VerifyingKey]:
    for jwk in listed:
        if not isinstance(jwk, dict) or not isinstance(jwk.get("kid"), str) or not jwk["kid"]:
            continue
        algorithm = _algorithm(jwk, algorithms)
        if algorithm is None or not _for_signatures(jwk):
            continue
        try:
            key = VerifyingKey(jwk["kid"], algorithm, {name: jwk[name] for name in _PUBLIC if name in jwk})
        except (PyJWTError, ValueError, TypeError):
            continue
        if key.jwk.Algorithm.check_key_length(key.jwk.key) is None:
            yield key


def _for_signatures(jwk: Mapping[str, Any]) -> bool:
    operations = jwk.get("key_ops", ["verify"])
    return jwk.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations


def _algorithm(jwk: Mapping[str, Any], algorithms: Sequence[str]) -> str | None:
    """The one that the key names, else the first of ours that it can be for; None if it is for none of ours."""
    fitting = FITTING.get((str(jwk.get("kty")), str(jwk.get("crv", ""))), ())
    named = jwk.get("alg")
    return next((each for each in algorithms if each in fitting and named in (None, each)), None)
