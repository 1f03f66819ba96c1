"""HS256, for development only: one secret that signs and verifies, so whoever can check a token can make one.

Its tokens have an issuer of their own and can therefore never be taken for tokens of a key pair.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

import jwt

from natya.clock import Clock
from natya_edge.auth.access_token import access_claims
from natya_edge.auth.issuer import Issuer
from natya_edge.auth.keyring import ACCESS_TOKEN
from natya_edge.auth.principal import OPERATOR
from natya_edge.auth.verifying_key import VerifyingKey

DEV_ISSUER: Final = "natya-dev"
DEV_AUDIENCE: Final = "natya"
ALGORITHM: Final = "HS256"


class _OneSecret:
    """Implements `KeySource`: tokens of the secret name no key."""

    def __init__(self, secret: str) -> None:
        encoded = base64.urlsafe_b64encode(secret.encode()).rstrip(b"=").decode()
        self._key = VerifyingKey("", ALGORITHM, {"kty": "oct", "k": encoded})

    async def find(self, kid: str) -> VerifyingKey | None:
        return self._key if kid == "" else None


def dev_issuer(secret: str, foreign: tuple[str, ...] = ()) -> Issuer:
    """The issuer whose tokens are signed with ``secret``."""
    return Issuer(DEV_ISSUER, DEV_AUDIENCE, (ALGORITHM,), _OneSecret(secret), foreign=foreign)


def make_dev_token(
    secret: str,
    subject: str = "dev",
    *,
    scope: str = "",
    roles: Iterable[str] = (OPERATOR,),
    lifetime: timedelta = timedelta(days=30),
    clock: Clock | None = None,
) -> str:
    """A token signed with ``secret``: ``subject`` may use the platform for ``lifetime``, with the names in ``scope`` and
    with ``roles``: an operator, who may do everything, if they do not say otherwise."""
    claims = access_claims(DEV_ISSUER, DEV_AUDIENCE, subject, lifetime, scope=scope, roles=roles, clock=clock)
    return jwt.encode(claims, secret, algorithm=ALGORITHM, headers={"typ": ACCESS_TOKEN})
