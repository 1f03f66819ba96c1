"""Up to when everything is in the store, as owners tell it: never later than it is."""

from __future__ import annotations

from natya.testing import TestPlatform
from support.ledger import Ledger, Stage
from support.protocol import started
from support.trouble import HeldSnapshots


async def written(platform: TestPlatform) -> int | None:
    asking = await started(platform, platform.written("ledger"))
    if not asking.done():
        await platform.clock.advance(2)
    found: int | None = await asking
    return found


async def test_what_is_not_in_the_store_bounds_it_also_after_a_take_over(stage: Stage) -> None:
    snapshots = HeldSnapshots()
    async with TestPlatform(Ledger, snapshots=snapshots) as platform:
        assert await written(platform) == platform.clock.now_ms()
        snapshots.writes.clear()
        began = platform.clock.now_ms()
        for entry in ("one", "two"):
            await platform.actor(Ledger, "a").write(entry)
            await platform.clock.advance(3)
        first = await written(platform)
        assert first is not None
        assert began <= first <= platform.clock.now_ms() - 6_000
        await platform.crash()
        again = await written(platform)
        assert again is not None
        assert again <= first + 1_000, "it is the journal's time now"
        snapshots.writes.set()
        await platform.clock.advance(10)
        await platform.settle()
        now = platform.clock.now_ms()
        assert await written(platform) == now
        (snapshot,) = (await snapshots.load("ledger", ["a"])).values()
        assert snapshot.version == 2


async def test_while_an_owner_is_away_it_is_unknown(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        (node,) = platform.cluster.nodes
        await platform.cluster.crash(node)
        assert await written(platform) is None
