"""Records in a dictionary: for tests. Everything written is at once on a majority of one."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from typing import Any

from natya.clock import Clock, SystemClock
from natya.ports.records import RESERVED, Record, RecordChanged, RecordExists
from natya.ports.store import StoreUnavailable


class MemoryRecords:
    """All collections. `available` can be set to False, to see what happens when the store is away."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.available = True
        self._clock = clock or SystemClock()
        self._revisions = itertools.count(1)
        self._collections: dict[str, dict[str, Record]] = {}

    async def get(self, collection: str, id: str) -> Record | None:
        return self._living(collection).get(id)

    async def insert(self, collection: str, id: str, fields: Mapping[str, Any], *, expires: int | None = None) -> Record:
        living = self._living(collection)
        if id in living:
            raise RecordExists(id)
        return self._put(living, Record(collection, id, "", fields, expires))

    async def replace(self, record: Record, fields: Mapping[str, Any], *, expires: int | None = None) -> Record:
        living = self._living(record.collection)
        present = living.get(record.id)
        if present is None or present.revision != record.revision:
            raise RecordChanged(record.id)
        return self._put(living, Record(record.collection, record.id, "", fields, expires))

    async def delete(self, collection: str, id: str) -> None:
        self._living(collection).pop(id, None)

    async def list(self, collection: str, *, after: str = "", limit: int = 1_000) -> list[Record]:
        living = self._living(collection)
        return [living[id] for id in sorted(living) if id > after][:limit]

    def _living(self, collection: str) -> dict[str, Record]:
        """What is there and has not expired."""
        if not self.available:
            raise StoreUnavailable("set to be away")
        now = self._clock.now_ms()
        stored = self._collections.setdefault(collection, {})
        for id in [id for id, one in stored.items() if one.expires is not None and one.expires <= now]:
            del stored[id]
        return stored

    def _put(self, stored: dict[str, Record], record: Record) -> Record:
        if clash := RESERVED & record.fields.keys():
            raise ValueError(f"a record's fields cannot be named {', '.join(sorted(clash))}")
        fields = copy.deepcopy(dict(record.fields))
        made = Record(record.collection, record.id, str(next(self._revisions)), fields, record.expires)
        stored[record.id] = made
        return made
