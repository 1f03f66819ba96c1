"""Public keys as verification needs them, whoever's they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from jwt import PyJWK


class VerifyingKey:
    """One key, with the one algorithm that it is for: what a token says of algorithms can only agree or be refused.

    ``withdrawn`` turns true when the key goes, so that what was verified with it before is forgotten without being looked for.
    """

    __slots__ = ("algorithm", "document", "jwk", "kid", "withdrawn")

    def __init__(self, kid: str, algorithm: str, document: Mapping[str, Any]) -> None:
        self.kid = kid
        self.algorithm = algorithm
        self.document = dict(document)
        self.jwk = PyJWK(self.document, algorithm)
        self.withdrawn = False

    def same_as(self, other: VerifyingKey) -> bool:
        """Whether whatever one verifies the other does."""
        return self.algorithm == other.algorithm and self.document == other.document


class KeySource(Protocol):
    """Where the keys of an issuer come from."""

    async def find(self, kid: str) -> VerifyingKey | None:
        """The key that tokens naming ``kid`` are verified with, None if the issuer has no such key. Raises `natya.errors.Unavailable`
        where that cannot be known now."""
        ...


class KeySet:
    """Keys by ``kid``, exchanged as a whole."""

    def __init__(self) -> None:
        self._keys: dict[str, VerifyingKey] = {}

    def replace(self, keys: Iterable[VerifyingKey]) -> None:
        """These are the keys from now on: one that was there before stays the same object, one that is not among them is withdrawn."""
        fresh = {key.kid: key for key in keys}
        for kid, key in self._keys.items():
            if kid in fresh and fresh[kid].same_as(key):
                fresh[kid] = key
            else:
                key.withdrawn = True
        self._keys = fresh

    def get(self, kid: str) -> VerifyingKey | None:
        return self._keys.get(kid)

    def __len__(self) -> int:
        return len(self._keys)
