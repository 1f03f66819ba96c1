"""What the journal says of one actor since the checkpoint."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Folded:
    """An actor as of its last turn in the journal. ``state`` is None if no turn since the checkpoint changed it: the stored
    one holds then."""

    version: int
    mail: int
    sequence: int
    schema: int = 0
    state: bytes | None = None
