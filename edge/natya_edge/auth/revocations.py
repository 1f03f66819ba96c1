"""Tokens that were taken back before their end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Revocations(Protocol):
    """Which tokens are no longer good. Asked for every request: the answer comes out of memory, in about the time of a look into a
    set, and whoever implements this keeps that memory as it should be."""

    def is_revoked(self, claims: Mapping[str, str]) -> bool:
        """Whether a token with these claims was taken back; those that are text, as a principal has them."""
        ...


class NoRevocations:
    """Implements `Revocations` for an edge that takes nothing back."""

    def is_revoked(self, claims: Mapping[str, str]) -> bool:
        return False
