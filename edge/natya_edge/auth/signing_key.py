"""One key pair that signs our tokens, and the times of its life.

::

    created        use_from              retire_at               retire_at + LONGEST_LIFE
       | published, | published,             | published,                |  gone
       | unused     | signs if it is newest  | verifies what it signed   |
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Literal, get_args

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt import PyJWK
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

Algorithm = Literal["EdDSA", "ES256"]
ALGORITHMS: Final[tuple[Algorithm, ...]] = get_args(Algorithm)

LONGEST_LIFE: Final = timedelta(days=31)
"""No token that we sign lives longer, so a retired key need not be published longer."""


class Stage(StrEnum):
    """Where a key is in its life, by the clock."""

    NEXT = "next"
    """Published, so that everybody knows it when it is first used."""
    ACTIVE = "active"
    """May sign; the newest of these does."""
    RETIRED = "retired"
    """Signs no more; tokens that it signed are still good."""
    GONE = "gone"
    """No token of it can be good: its file may be deleted."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key. ``private`` is a JWK and never shown; without ``retire_at`` the key signs until another takes its place."""

    kid: str
    algorithm: Algorithm
    created: datetime
    use_from: datetime
    retire_at: datetime | None
    private: PyJWK = field(repr=False, compare=False)

    @property
    def public(self) -> dict[str, str]:
        """The public half as a JWK (RFC 7517, 8037)."""
        made = _to_jwk(self.algorithm, self.private.key.public_key())
        return {**made, "kid": self.kid, "use": "sig", "alg": self.algorithm}

    def stage(self, now: datetime) -> Stage:
        """Where it is in its life."""
        if now < self.use_from:
            return Stage.NEXT
        if self.retire_at is None or now < self.retire_at:
            return Stage.ACTIVE
        return Stage.RETIRED if now < self.retire_at + LONGEST_LIFE else Stage.GONE


def new_key(
    algorithm: Algorithm, created: datetime, *, use_from: datetime | None = None, retire_at: datetime | None = None
) -> SigningKey:
    """A fresh key pair, named by its day and by chance."""
    private = Ed25519PrivateKey.generate() if algorithm == "EdDSA" else generate_private_key(SECP256R1())
    kid = f"{created:%Y%m%d}-{secrets.token_hex(4)}"
    jwk = PyJWK(_to_jwk(algorithm, private), algorithm)
    return SigningKey(kid, algorithm, created, use_from or created, retire_at, jwk)


def retired(key: SigningKey, at: datetime) -> SigningKey:
    """The same key, which signs until ``at`` at the latest."""
    return replace(key, retire_at=at if key.retire_at is None else min(at, key.retire_at))


def private_jwk(key: SigningKey) -> Mapping[str, str]:
    """The secret itself, for the one file that keeps it."""
    return _to_jwk(key.algorithm, key.private.key)


def _to_jwk(algorithm: Algorithm, key: Any) -> dict[str, str]:
    kind = OKPAlgorithm if algorithm == "EdDSA" else ECAlgorithm
    found: dict[str, str] = json.loads(kind.to_jwk(key))
    return found
