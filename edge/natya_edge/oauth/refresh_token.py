"""The text of a refresh token: a locator, which stays the same through all rotations, and a secret, which changes with each.

Neither is stored. The family's id is a hash of the locator, so that who knows the id (it is in access tokens and logs) cannot name
the family to the token endpoint: only who holds, or once held, one of its tokens can. The successor of a secret is computed from
it and a salt that the family's record holds: it takes both, the token and the store, to know what comes next.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final, Self

_LOCATOR: Final = 16
_SECRET: Final = 32
_TEXT: Final = re.compile(rf"[A-Za-z0-9_-]{{{(_LOCATOR + _SECRET) * 4 // 3}}}")
"""Base64url; the sizes are such that it needs no padding, and every text has one meaning."""


@dataclass(frozen=True, slots=True, repr=False)
class RefreshToken:
    """One token."""

    locator: bytes
    secret: bytes

    @classmethod
    def new(cls) -> Self:
        """The first of a new family."""
        return cls(secrets.token_bytes(_LOCATOR), secrets.token_bytes(_SECRET))

    @classmethod
    def read(cls, text: str) -> Self | None:
        """The token that ``text`` spells; None if it is none."""
        if not _TEXT.fullmatch(text):
            return None
        raw = base64.urlsafe_b64decode(text)
        return cls(raw[:_LOCATOR], raw[_LOCATOR:])

    @property
    def family(self) -> str:
        """The family's id."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.locator).digest()[:18]).decode()

    @property
    def digest(self) -> str:
        """What is stored of the secret."""
        return hashlib.sha256(self.secret).hexdigest()

    def successor(self, salt: str) -> Self:
        """The token that takes its place."""
        return type(self)(self.locator, hmac.digest(self.secret, salt.encode(), "sha256"))

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(self.locator + self.secret).decode()
