"""A node that is told to leave gives away what it has, and what nobody can have it releases."""

from __future__ import annotations

import asyncio

import pytest

from natya.errors import Unavailable
from natya.runtime.claiming import owner_key
from natya.runtime.view import View
from natya.settings import Settings
from support.giving import GIVER, TAKER, a_play
from support.ledger import Ledger, Other, Stage
from support.protocol import started


async def test_the_last_node_releases_what_nobody_else_can_have(stage: Stage) -> None:
    async with a_play() as play:
        await play.platform.actor(Ledger, "a").write(line="x")
        began = play.clock.boottime()
        await play.cluster.stop(play.giver)
        assert play.clock.boottime() - began < 0.5
        assert play.released() == ["released"]
        view = View(play.clock)
        entry = play.cluster.broker.bucket("natya_cluster").get(owner_key("ledger", 0))
        assert entry is not None
        view.apply(entry)
        assert view.owners["ledger", 0].incarnation == ""
        began = play.clock.boottime()
        await play.enter()
        assert play.clock.boottime() - began < 0.5, "free at once"
        assert not play.claimed()[-1].forced
        assert await play.platform.actor(Ledger, "a").write(line="y") == 2


async def test_a_node_leaves_though_a_turn_runs_longer_than_its_drain_time_out(stage: Stage) -> None:
    """The turn is ended without effect, and its caller repeats it at the successor."""
    async with a_play(settings=Settings.model_construct(drain_timeout=3.0)) as play:
        await play.enter()
        asked = await started(play.platform, play.platform.actor(Ledger, "a", timeout=60).write_slowly(line="slow"))
        began = play.clock.boottime()
        await play.cluster.stop(play.taker)
        assert 3.0 <= play.clock.boottime() - began < 8.0
        await play.has_all(GIVER)
        stage.gates["slow"].set()
        await play.clock.advance(5)
        assert await asked == 1
        assert stage.runs["slow"] == 2
        assert await play.platform.actor(Ledger, "a").read() == ["slow"]


async def test_a_node_that_leaves_takes_nothing_more(stage: Stage) -> None:
    async with a_play(settings=Settings.model_construct(drain_timeout=3.0)) as play:
        await play.enter()
        slow = await started(play.platform, play.platform.actor(Ledger, "a", timeout=60).write_slowly(line="slow"))
        play.taker.stop()
        await play.clock.advance(0.5)
        assert play.owner() == TAKER, "it cannot let go yet"
        assert play.owner("other") == GIVER
        play.giver.stop()
        await play.clock.advance(1)
        assert play.owner("other") == "", "nobody is left to have it"
        slow.cancel()
        await asyncio.wait({slow})
        call = await started(play.platform, play.platform.actor(Other, "b", timeout=0.5).write(line="x"))
        await play.clock.advance(20)
        with pytest.raises(Unavailable, match="nobody owns"):
            await call
