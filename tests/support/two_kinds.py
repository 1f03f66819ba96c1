"""An application of two kinds, for clusters in which every stream has three copies on one machine.

Run by ``natya worker --app support.two_kinds``.
"""

from __future__ import annotations

from support.actors_for_tests import Counter, Ledger

__all__ = ["Counter", "Ledger"]
