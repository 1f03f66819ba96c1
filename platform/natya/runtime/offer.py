"""What an owner tells its successor of a partition: all that the successor needs to go on exactly where the owner stops."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import orjson


@dataclass(frozen=True, slots=True)
class Offer:
    """A partition to be had. ``revision`` is that of the owner key, ``group`` as in it; ``last`` is the journal's last sequence and
    ``epoch, schema, sent, checkpoint, store`` what the record there says (see `batch`)."""

    kind: str
    partition: int
    revision: int
    group: int
    last: int
    epoch: int
    schema: int
    sent: int
    checkpoint: int
    store: str

    def encode(self) -> bytes:
        return orjson.dumps(asdict(self))

    @classmethod
    def decode(cls, data: bytes) -> Offer:
        """Raises `ValueError`, `TypeError` if it is none, perhaps because another version of the code wrote it."""
        return cls(**orjson.loads(data))
