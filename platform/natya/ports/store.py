"""What all ports to the store have in common."""

from __future__ import annotations

from dataclasses import dataclass


class StoreUnavailable(Exception):
    """Raised when the store cannot be reached or did not answer in time. Of a write: it may have been done, or be done later."""


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What a store says of itself. ``reason`` says why it cannot be reached; ``replica_set`` is its name, empty if the store
    is none (then `Snapshots.mark` has nothing to tell)."""

    reachable: bool
    reason: str = ""
    version: str = ""
    replica_set: str = ""
