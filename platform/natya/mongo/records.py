"""`Records` in MongoDB, or in a store that speaks its protocol: ``{_id: id, revision: text, expires: date, …fields}``.

Collections are named ``natya.…``: no kind can have such a name, for kinds have no dots. MongoDB deletes what has expired up to a
minute late, so every operation looks at ``expires`` itself.

The revision is chosen here, before a write is sent. A write that finds that it cannot be done (its id is there, its
predecessor is not) reads the record: if that has the write's own revision, it was this write that did it, sent a second time
by the driver to a store that does not recognise such repeats.
"""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Mapping
from typing import Any, Final

from bson import decode
from bson.raw_bson import RawBSONDocument
from pymongo.errors import DuplicateKeyError

from natya.clock import Clock
from natya.mongo.driver import Driver, unavailable
from natya.mongo.indexes import make_expiry
from natya.ports.records import RESERVED, Record, RecordChanged, RecordExists
from natya.ports.store import StoreUnavailable

_EPOCH: Final = datetime.datetime(1970, 1, 1)  # noqa: DTZ001  BSON dates are read without a zone, in UTC
_MS: Final = datetime.timedelta(milliseconds=1)


class MongoRecords:
    """The records of all collections."""

    def __init__(self, driver: Driver, clock: Clock) -> None:
        self._driver = driver
        self._clock = clock
        self._expiring: set[str] = set()
        """Collections that are known to have the index by which the store deletes what has expired."""

    async def get(self, collection: str, id: str) -> Record | None:
        """See `Records.get`."""
        with self._driver.session() as session:
            return await self._find(collection, id, session)

    async def insert(self, collection: str, id: str, fields: Mapping[str, Any], *, expires: int | None = None) -> Record:
        """See `Records.insert`. Raises `ConfigurationError` if somebody has made another index on ``expires``."""
        await self._prepare(collection, expires)
        made = Record(collection, id, secrets.token_hex(8), dict(fields), expires)
        with self._driver.session() as session:
            with unavailable(StoreUnavailable):
                try:
                    expired = {"_id": id, "expires": {"$lte": self._now()}}
                    await self._of(collection).replace_one(expired, _document(made), upsert=True, session=session)
                except DuplicateKeyError:
                    pass
                else:
                    return made
            found = await self._find(collection, id, session)
            if found is None or found.revision != made.revision:
                raise RecordExists(id)
        return made

    async def replace(self, record: Record, fields: Mapping[str, Any], *, expires: int | None = None) -> Record:
        """See `Records.replace`."""
        await self._prepare(record.collection, expires)
        made = Record(record.collection, record.id, secrets.token_hex(8), dict(fields), expires)
        with self._driver.session() as session:
            with unavailable(StoreUnavailable):
                guard = {"_id": record.id, "revision": record.revision, **self._living()}
                result = await self._of(record.collection).replace_one(guard, _document(made), session=session)
            if not result.matched_count:
                found = await self._find(record.collection, record.id, session)
                if found is None or found.revision != made.revision:
                    raise RecordChanged(record.id)
        return made

    async def delete(self, collection: str, id: str) -> None:
        """See `Records.delete`."""
        with unavailable(StoreUnavailable):
            await self._of(collection).delete_one({"_id": id})

    async def list(self, collection: str, *, after: str = "", limit: int = 1_000) -> list[Record]:
        """See `Records.list`."""
        query = {"_id": {"$gt": after}, **self._living()}
        with unavailable(StoreUnavailable):
            cursor = self._of(collection).find(query, sort=[("_id", 1)], limit=limit, batch_size=limit)
            found: list[RawBSONDocument] = await cursor.to_list(None)
        return [_record(collection, document) for document in found]

    async def _find(self, collection: str, id: str, session: Any) -> Record | None:
        with unavailable(StoreUnavailable):
            found = await self._of(collection).find_one({"_id": id, **self._living()}, session=session)
        return None if found is None else _record(collection, found)

    async def _prepare(self, collection: str, expires: int | None) -> None:
        """See that what expires is deleted."""
        if expires is not None and collection not in self._expiring:
            with unavailable(StoreUnavailable):
                await make_expiry(self._driver.database, _name(collection))
            self._expiring.add(collection)

    def _of(self, collection: str) -> Any:
        return self._driver.database[_name(collection)]

    def _living(self) -> dict[str, Any]:
        return {"expires": {"$not": {"$lte": self._now()}}}

    def _now(self) -> datetime.datetime:
        return _date(self._clock.now_ms())


def _name(collection: str) -> str:
    return f"natya.{collection}"


def _document(record: Record) -> dict[str, Any]:
    if clash := RESERVED & record.fields.keys():
        raise ValueError(f"a record's fields cannot be named {', '.join(sorted(clash))}")
    expires = {} if record.expires is None else {"expires": _date(record.expires)}
    return {"_id": record.id, "revision": record.revision, **expires, **record.fields}


def _record(collection: str, document: RawBSONDocument) -> Record:
    fields: dict[str, Any] = decode(document.raw)
    expires = fields.pop("expires", None)
    return Record(
        collection,
        id=fields.pop("_id"),
        revision=fields.pop("revision"),
        fields=fields,
        expires=None if expires is None else (expires - _EPOCH) // _MS,
    )


def _date(ms: int) -> datetime.datetime:
    return _EPOCH + ms * _MS
