"""The keys that sign our tokens, in memory: which one signs now, and which are published.

Which key is meant is a question to the clock alone, so every edge that reads the same folder answers it alike without talking to
the others, and a key can be published long before it signs: whoever keeps our JWKS knows it by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import jwt
from jwt import PyJWK

from natya.clock import Clock, SystemClock
from natya.errors import Unavailable
from natya_edge.auth.signing_key import LONGEST_LIFE, SigningKey, Stage
from natya_edge.auth.verifying_key import VerifyingKey

ACCESS_TOKEN: Final = "at+jwt"
"""The ``typ`` of an access token (RFC 9068)."""


class NoSigningKey(Unavailable):
    """Raised when a token should be signed and no key is in its time."""


class Keyring:
    """Signing keys and their public halves. ``keys`` may be none: then nothing is signed and nothing of ours is believed."""

    def __init__(self, keys: Iterable[SigningKey] = (), clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._keys: dict[str, SigningKey] = {}
        self._public: dict[str, dict[str, str]] = {}
        self._verifying: dict[str, VerifyingKey] = {}
        self.replace(keys)

    def replace(self, keys: Iterable[SigningKey]) -> None:
        """These are the keys from now on. What was verified with one that is no longer among them is forgotten."""
        fresh = {key.kid: key for key in keys}
        public = {kid: key.public for kid, key in fresh.items()}
        kept = {kid: key for kid, key in self._verifying.items() if public.get(kid) == self._public[kid]}
        for kid, key in self._verifying.items():
            key.withdrawn = kid not in kept
        self._verifying = {kid: kept.get(kid) or VerifyingKey(kid, PyJWK(jwk)) for kid, jwk in public.items()}
        self._keys, self._public = fresh, public

    def sign(self, claims: Mapping[str, Any], typ: str = ACCESS_TOKEN) -> str:
        """A JWT with these claims, signed by the current key. Raises `NoSigningKey`; `ValueError` if it would live too long."""
        if claims["exp"] - claims["iat"] > LONGEST_LIFE.total_seconds():
            raise ValueError(f"a token may live {LONGEST_LIFE.days} days at most")
        key = self.current()
        return jwt.encode(dict(claims), key.private.key, algorithm=key.algorithm, headers={"typ": typ, "kid": key.kid})

    def current(self) -> SigningKey:
        """The key that signs now: of those in their time, the one whose time began last. Raises `NoSigningKey`."""
        now = self._now()
        active = [key for key in self._keys.values() if key.stage(now) is Stage.ACTIVE]
        if not active:
            raise NoSigningKey("no key that may sign tokens is in its time", retry_after=5.0)
        return max(active, key=lambda key: (key.use_from, key.kid))

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public keys as a JWK Set (RFC 7517, 5): those that will sign, that do, and that did for as long as it matters."""
        now = self._now()
        return {"keys": [self._public[kid] for kid, key in self._keys.items() if key.stage(now) is not Stage.GONE]}

    def find(self, kid: str) -> VerifyingKey | None:
        """The key that tokens naming ``kid`` are verified with; None if there is none."""
        key = self._keys.get(kid)
        return self._verifying[kid] if key is not None and key.stage(self._now()) is not Stage.GONE else None

    def __len__(self) -> int:
        """How many keys there are, whatever their stage."""
        return len(self._keys)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
