"""A public key as verification needs it, whoever's it is."""

from __future__ import annotations

from jwt import PyJWK


class VerifyingKey:
    """One key, with the one algorithm that it is for: what a token says of algorithms can only agree or be refused.

    ``withdrawn`` turns true when the key goes, so that what was verified with it before is forgotten without being looked for.
    """

    __slots__ = ("jwk", "kid", "withdrawn")

    def __init__(self, kid: str, jwk: PyJWK) -> None:
        self.kid = kid
        self.jwk = jwk
        self.withdrawn = False

    @property
    def algorithm(self) -> str:
        return self.jwk.algorithm_name
