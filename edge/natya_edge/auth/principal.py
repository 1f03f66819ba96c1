"""Who sends a request, as far as anything behind the edge's door may know it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

OPERATOR: Final = "operator"
"""The role that may do everything, on every kind."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Whom a verified token stands for.

    ``subject`` is unique among all issuers and is what actors see as ``self.caller``. ``claims`` are those of the token that are
    text, for rules about ownership; ``claims["sub"]`` is the subject.
    """

    subject: str
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    issuer: str = ""
    claims: Mapping[str, str] = field(default_factory=dict, hash=False)
