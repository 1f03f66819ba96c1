"""`Listings` in MongoDB: a majority read of the primary, in the order of an index where the kind declares one."""

from __future__ import annotations

import asyncio
from typing import Final

from bson.raw_bson import RawBSONDocument
from pymongo.errors import ExecutionTimeout

from natya.mongo.documents import read_listed
from natya.mongo.driver import Driver, unavailable
from natya.mongo.searches import filter_of, position_of, sort_of
from natya.ports.listing import Listed, Page, Search, SearchTooSlow
from natya.ports.store import StoreUnavailable

LIMIT_MS: Final = 5_000
"""How long the store may work on one page."""
PAGE_BYTES: Final = 4 << 20
"""Bytes of documents after which a page ends, whatever its limit."""
BREATH_BYTES: Final = 256 << 10
"""Bytes of documents that are decoded before the event loop gets a turn: a few milliseconds."""


class MongoListings:
    """The collections of all kinds. Text is compared byte by byte, as a collection does unless somebody made it with a collation."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    async def page(self, search: Search) -> Page:
        """See `Listings.page`."""
        found = await self._find(search)
        shown = found[: search.limit]
        actors: list[Listed] = []
        undecoded = 0
        for document in shown:
            if (listed := read_listed(document)) is not None:
                actors.append(listed)
            undecoded += len(document.raw)
            if undecoded > BREATH_BYTES:
                undecoded = 0
                await asyncio.sleep(0)
        more = len(found) > len(shown) or sum(len(document.raw) for document in shown) > PAGE_BYTES
        return Page(actors, position_of(shown[-1], search) if more and shown else None)

    async def _find(self, search: Search) -> list[RawBSONDocument]:
        """The documents of a page and, if the page is full and not the last, one more."""
        found: list[RawBSONDocument] = []
        size = 0
        try:
            with unavailable(StoreUnavailable):
                cursor = self._driver.database[search.kind].find(
                    filter_of(search), sort=sort_of(search), limit=search.limit + 1, max_time_ms=LIMIT_MS
                )
                try:
                    async for document in cursor:
                        found.append(document)
                        size += len(document.raw)
                        if size > PAGE_BYTES:
                            break
                finally:
                    await cursor.close()
        except StoreUnavailable as error:
            if isinstance(error.__cause__, ExecutionTimeout):
                raise SearchTooSlow(f"the store gave the search up after {LIMIT_MS / 1000:g} s") from error
            raise
        return found
