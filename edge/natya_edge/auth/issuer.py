"""Who may issue tokens, and what is believed of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from natya_edge.auth.keyring import ACCESS_TOKEN
from natya_edge.auth.verifying_key import KeySource


@dataclass(frozen=True, slots=True)
class Issuer:
    """One issuer. Everything about how its tokens are checked is here, and nothing of it is chosen by a token.

    ``aud`` of a token must be exactly ``audience``, or with ``many_audiences`` have it among others. ``prefix`` goes before the
    subject, for two issuers must not be able to speak of the same one; a subject that begins with one of ``foreign`` is refused.
    ``roles`` translates the issuer's names of roles into ours, and what it does not name is dropped; None: they are ours.
    """

    name: str
    audience: str
    algorithms: tuple[str, ...]
    keys: KeySource
    types: frozenset[str] = frozenset({ACCESS_TOKEN})
    many_audiences: bool = False
    prefix: str = ""
    foreign: tuple[str, ...] = ()
    scope_claim: str = "scope"
    roles_claim: str = "roles"
    roles: Mapping[str, str] | None = None


OUR_ALGORITHMS: Final = ("EdDSA", "ES256")
"""Those of tokens that we sign ourselves."""
