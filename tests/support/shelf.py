"""Things on a shelf: documents that a test writes as snapshots and finds as lists."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from natya.ports.listing import Listed, Listings, Search
from natya.ports.snapshots import Snapshot, Snapshots
from support.shifted_clock import ShiftedClock

KIND = "thing"
DATE = {"type": "string", "format": "date-time"}
SCHEMA = {"type": "object", "properties": {"at": DATE, "deep": {"properties": {"at": DATE}}}}


@dataclass
class Shelf:
    """Things that are written and listed. ``journal`` counts writes."""

    snapshots: Snapshots
    listings: Listings
    clock: ShiftedClock
    journal: int = field(default=0)

    async def put(self, states: Mapping[str, Any], **more: Any) -> None:
        """Write the states of these keys."""
        self.journal += 1
        fields: dict[str, Any] = {"version": self.journal, "mail": 0, "schema": 1, **more}
        texts = {key: json.dumps(state).encode() for key, state in states.items()}
        outcome = await self.snapshots.write(
            KIND, [Snapshot(key=key, journal=self.journal, state=text, **fields) for key, text in texts.items()]
        )
        assert (outcome.later, outcome.refused) == ({}, {})

    async def all(self, search: Search) -> list[Listed]:
        """What all pages of a search have, one page after the other."""
        found: list[Listed] = []
        while True:
            page = await self.listings.page(search)
            assert len(page.actors) <= search.limit
            found += page.actors
            if page.next is None:
                return found
            assert len(page.actors) == search.limit
            search = replace(search, after=page.next)

    async def keys(self, search: Search) -> list[str]:
        return [listed.key for listed in await self.all(search)]
