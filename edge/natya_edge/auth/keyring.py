"""The keys that sign our tokens, in memory: which one signs now, and which are published.

Which key is meant is a question to the clock alone, so every edge that reads the same folder answers it alike without talking to
the others, and a key can be published long before it signs: whoever keeps our JWKS knows it by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import jwt

from natya.clock import Clock, SystemClock
from natya.errors import Unavailable
from natya_edge.auth.signing_key import LONGEST_LIFE, SigningKey, Stage
from natya_edge.auth.verifying_key import KeySet, VerifyingKey

ACCESS_TOKEN: Final = "at+jwt"
"""The ``typ`` of an access token (RFC 9068)."""


class NoSigningKey(Unavailable):
    """Raised when a token should be signed and no key is in its time."""


class Keyring:
    """Signing keys and their public halves. ``keys`` may be none: then nothing is signed and nothing of ours is believed."""

    def __init__(self, keys: Iterable[SigningKey] = (), clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._keys: dict[str, SigningKey] = {}
        self._verifying = KeySet()
        self.replace(keys)

    def replace(self, keys: Iterable[SigningKey]) -> None:
        """These are the keys from now on. What was verified with one that is no longer among them is forgotten."""
        self._keys = {key.kid: key for key in keys}
        self._verifying.replace(VerifyingKey(key.kid, key.algorithm, key.public) for key in self._keys.values())

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

    def jwks(self) -> dict[str, list[dict[str, Any]]]:
        """The public keys as a JWK Set (RFC 7517, 5): those that will sign, that do, and that did for as long as it matters."""
        now = self._now()
        shown = [kid for kid, key in self._keys.items() if key.stage(now) is not Stage.GONE]
        return {"keys": [found.document for kid in shown if (found := self._verifying.get(kid))]}

    async def find(self, kid: str) -> VerifyingKey | None:
        """Implements `KeySource`; nothing is waited for."""
        key = self._keys.get(kid)
        return self._verifying.get(kid) if key is not None and key.stage(self._now()) is not Stage.GONE else None

    def __len__(self) -> int:
        """How many keys there are, whatever their stage."""
        return len(self._keys)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
