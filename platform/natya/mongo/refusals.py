"""What the errors of single operations in a bulk mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from natya.ports.snapshots import SnapshotsUnavailable

DUPLICATE_KEY: Final = 11000

_STORE_TROUBLE: Final = frozenset({
    6, 7, 89, 9001,  # hosts and the network between them
    91, 10107, 11600, 11602, 13435, 13436, 189,  # shutting down, not primary (any more)
    24, 50, 112, 262, 290,  # locks and limits of time
    13, 18, 8000,  # not allowed
    14031,  # disk full
})  # fmt: skip
"""Codes of operation errors that say nothing about the document: the store cannot, now."""


def refusals(details: Mapping[str, Any]) -> dict[int, str | None]:
    """The operations of a bulk that were not done, by index: None for one whose ``_id`` is there with a later or equal
    ``j``, or was made at the same moment by somebody else; otherwise the reason that is the document's own.

    Raises `SnapshotsUnavailable` if the bulk was not acknowledged durably, or failed for a reason of the store's.
    """
    if concerns := details.get("writeConcernErrors"):
        raise SnapshotsUnavailable(f"not acknowledged by a majority: {concerns[0].get('errmsg', concerns[0])}"[:300])
    refused: dict[int, str | None] = {}
    for error in details.get("writeErrors", ()):
        code, text = error.get("code"), str(error.get("errmsg", error))[:300]
        if code in _STORE_TROUBLE:
            raise SnapshotsUnavailable(text)
        refused[error["index"]] = None if code == DUPLICATE_KEY and _on_id(error) else text
    return refused


def _on_id(error: Mapping[str, Any]) -> bool:
    """Whether the key that is there twice is the document's id, not one of a unique index that somebody made."""
    pattern = error.get("keyPattern")
    return list(pattern) == ["_id"] if pattern else " index: _id_ " in str(error.get("errmsg", ""))
