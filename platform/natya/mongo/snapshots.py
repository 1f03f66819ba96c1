"""`Snapshots` in MongoDB, or in a store that speaks its protocol.

Every write is an upsert guarded by ``{_id: key, j: {$lt: new j}}``. Where an equal or later document is, the guard does not
match, the upsert becomes an insert, and the store refuses it as a duplicate key: that is how one bulk tells new from old
without reading first. It also makes every write safe to repeat, by the driver's own retry, by ours, or by a thread that a
cancelled await has left behind, on stores that do not recognise retried writes too.

One race remains: two first writes of a key at the same moment. The earlier can win the insert, and the later is refused
though it is later. So the keys refused are read back in the same session (which sees what the bulk saw, as a majority
has it), and what is older there than what we have is written again.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from bson.raw_bson import RawBSONDocument
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from natya.clock import Clock, SystemClock
from natya.mongo import documents, outcomes
from natya.mongo.dates import Places
from natya.mongo.driver import Driver, unavailable
from natya.mongo.indexes import make_collection, make_expiry, make_indexes
from natya.mongo.marks import Mark
from natya.mongo.refusals import refusals
from natya.mongo.values import NotStorable
from natya.ports.snapshots import Kept, Shape, Snapshot, SnapshotsUnavailable, Written
from natya.ports.store import StoreReport
from natya.settings import Settings

ATTEMPTS: Final = 5
"""Bulks for one write: more than one only after the race told above, more than two never seen."""

BREATH: Final = 50
"""Documents that are encoded before the event loop gets a turn: under a millisecond of small ones."""


@asynccontextmanager
async def open_snapshots(settings: Settings, clock: Clock | None = None) -> AsyncIterator[MongoSnapshots]:
    """Snapshots in the store that ``settings`` name. Raises `ConfigurationError` if they cannot name one; a store that
    cannot be reached is no error here: every call says so, and `MongoSnapshots.check`."""
    driver = Driver(settings)
    try:
        yield MongoSnapshots(driver, clock or SystemClock())
    finally:
        driver.close()


class MongoSnapshots:
    """The documents of all kinds, one collection each."""

    def __init__(self, driver: Driver, clock: Clock) -> None:
        self._driver = driver
        self._clock = clock
        self._places: dict[str, Places | None] = {}
        self._mark: Mark | None = None

    async def check(self) -> StoreReport:
        """Ask the store what it is: for people who want to know why nothing works. Never raises."""
        return await self._driver.check()

    async def prepare(self, shape: Shape) -> None:
        """Make the collection, its indexes, and what remembered outcomes need. Dates are known from here on, even if the
        store is away. Raises `ConfigurationError` if an index is in conflict with one that is there."""
        self._places[shape.kind] = Places.of(shape.schema)
        with unavailable():
            await make_collection(self._driver.database, shape.kind)
            await make_indexes(self._driver.database, shape)
            await make_expiry(self._driver.database, outcomes.COLLECTION)

    async def load(self, kind: str, keys: Collection[str], *, after: str = "") -> dict[str, Snapshot]:
        """See `Snapshots.load`. A document in the collection that Natya did not write counts as absent."""
        if not keys:
            return {}
        with self._driver.session(Mark.read(after)) as session:
            found = await self._find(kind, {"_id": {"$in": list(keys)}}, len(keys), session)
        snapshots = [snapshot for document in found if (snapshot := documents.read(document)) is not None]
        return {snapshot.key: snapshot for snapshot in snapshots}

    async def write(self, kind: str, snapshots: Sequence[Snapshot]) -> Written:
        """See `Snapshots.write`. Raises `ValueError` if a key is there twice."""
        sequences = {snapshot.key: snapshot.journal for snapshot in snapshots}
        if len(sequences) < len(snapshots):
            raise ValueError("a key is there twice in one write: give each actor's latest snapshot only")
        later: dict[str, int] = {}
        refused: dict[str, str] = {}
        pending = await self._encode(kind, snapshots, refused)
        with self._driver.session() as session:
            for _ in range(ATTEMPTS):
                if not pending:
                    return Written(later, refused)
                keys = list(pending)
                told = await self._bulk(kind, list(pending.values()), session)
                refused |= {keys[index]: text for index, text in told.items() if text is not None}
                pending = {keys[index]: pending[keys[index]] for index, text in told.items() if text is None}
                for key, stored in (await self._stored(kind, pending, session)).items():
                    if stored is None:
                        refused[key] = "the document that is there was not written by Natya: it has no journal sequence j"
                    elif stored > sequences[key]:
                        later[key] = stored
                    if stored is None or stored >= sequences[key]:
                        del pending[key]
        if pending:
            raise SnapshotsUnavailable(f"somebody else writes the same {len(pending)} documents at the same time")
        return Written(later, refused)

    def mark(self) -> str:
        """See `Snapshots.mark`: the greatest operation time of an acknowledged write, of a replica set."""
        return str(self._mark) if self._mark is not None else ""

    async def keep(self, kind: str, kept: Sequence[Kept]) -> None:
        """See `Snapshots.keep`."""
        if not kept:
            return
        now = self._clock.now_ms()
        with self._driver.session() as session:
            operations = [outcomes.insert(kind, one, now) for one in kept]
            refused = await self._bulk(outcomes.COLLECTION, operations, session)
        if reasons := [text for text in refused.values() if text is not None]:
            raise SnapshotsUnavailable(reasons[0])

    async def kept(self, kind: str, token: str, id: str, *, after: str = "") -> Kept | None:
        """See `Snapshots.kept`."""
        with self._driver.session(Mark.read(after)) as session:
            found = await self._find(outcomes.COLLECTION, {"_id": outcomes.identity(kind, token, id)}, 1, session)
        remembered = [one for document in found if (one := outcomes.read(document)).expires > self._clock.now_ms()]
        return remembered[0] if remembered else None

    async def _bulk(self, collection: str, operations: Sequence[UpdateOne], session: Any) -> dict[int, str | None]:
        """Do what can be done of ``operations``; what was not is told as by `refusals`."""
        refused: dict[int, str | None] = {}
        with unavailable():
            try:
                await self._driver.database[collection].bulk_write(operations, ordered=False, session=session)
            except BulkWriteError as error:
                refused = refusals(error.details)
        if session.operation_time is not None:
            mark = Mark.of(session.operation_time)
            self._mark = mark if self._mark is None else max(mark, self._mark)
        return refused

    async def _encode(self, kind: str, snapshots: Sequence[Snapshot], refused: dict[str, str]) -> dict[str, UpdateOne]:
        places = self._places.get(kind)
        updated = datetime.datetime.fromtimestamp(self._clock.now_ms() / 1000, datetime.UTC)
        operations: dict[str, UpdateOne] = {}
        for count, snapshot in enumerate(snapshots, 1):
            try:
                operations[snapshot.key] = documents.upsert(snapshot, places, updated)
            except NotStorable as error:
                refused[snapshot.key] = str(error)
            if count % BREATH == 0:
                await asyncio.sleep(0)
        return operations

    async def _stored(self, kind: str, keys: Collection[str], session: Any) -> dict[str, int | None]:
        """The journal sequences of the documents that are there; None for a document that has none."""
        if not keys:
            return {}
        found = await self._find(kind, {"_id": {"$in": list(keys)}}, len(keys), session, {"j": True})
        return {one["_id"]: int(one["j"]) if isinstance(one.get("j"), int) else None for one in found}

    async def _find(
        self, collection: str, query: Mapping[str, Any], limit: int, session: Any, fields: Mapping[str, Any] | None = None
    ) -> list[RawBSONDocument]:
        """A majority read of at most ``limit`` documents, in one go."""
        with unavailable():
            cursor = self._driver.database[collection].find(query, fields, limit=limit, batch_size=limit, session=session)
            found: list[RawBSONDocument] = await cursor.to_list(None)
        return found
