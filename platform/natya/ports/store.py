"""What all ports to the store have in common."""

from __future__ import annotations


class StoreUnavailable(Exception):
    """Raised when the store cannot be reached or did not answer in time. Of a write: it may have been done, or be done later."""
