"""What an owner tells its successor of a partition: all that the successor needs to go on exactly where the owner stops."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace

import orjson

from natya.runtime.batch import Position


@dataclass(frozen=True, slots=True)
class Offer:
    """A partition to be had. ``revision`` is that of the owner key, ``group`` as in it; ``last`` is the journal's last sequence and
    ``epoch, schema, sent, store, unclean`` what the record there says (see `batch`); ``checkpoint`` and ``mail`` are how far things
    are by now. ``prepared`` is the record up to which the successor was told to read ahead in this attempt; ``tail`` are those
    since, as (sequence, time in ms, bytes), if ``complete``; otherwise they have to be read."""

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
    unclean: int
    mail: Position
    prepared: int
    complete: bool = False
    tail: list[tuple[int, int, bytes]] = field(default_factory=list)

    def encode(self) -> bytes:
        tail = [(sequence, time, orjson.Fragment(data)) for sequence, time, data in self.tail]
        return orjson.dumps(asdict(replace(self, tail=[])) | {"tail": tail})

    @classmethod
    def decode(cls, data: bytes) -> Offer:
        """Raises `ValueError`, `KeyError`, `TypeError` if it is none. What a newer version of the code adds is left out."""
        document = orjson.loads(data)
        known = {each.name: document[each.name] for each in fields(cls) if each.name in document}
        known["mail"] = Position(**document["mail"])
        known["tail"] = [(sequence, time, orjson.dumps(record)) for sequence, time, record in document.get("tail", ())]
        return cls(**known)
