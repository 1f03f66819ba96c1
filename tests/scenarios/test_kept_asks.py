"""Commands whose outcome is kept for long, and which ask others."""

from __future__ import annotations

from natya.testing import TestPlatform
from support.ledger import Ledger, Other, Stage
from support.protocol import attempt, result, started


async def test_an_ask_of_a_run_that_died_long_ago_is_not_made_twice(stage: Stage) -> None:
    """The process dies between a turn's ask and its commit. When its sender repeats, all that tells of the first run is a line in the
    journal, before the checkpoint of an owner that has read no further back yet."""
    async with TestPlatform(Ledger, Other) as platform:

        async def send(timeout: float) -> object:
            reply = await attempt(
                platform, "ledger", "a", "forward", id="m1", keep=86_400, timeout=timeout, to="o", line="x"
            )
            return result(reply)

        first = await started(platform, send(1))
        assert await platform.actor(Other, "o").read() == ["x"]
        await platform.crash()
        for line in ("y", "z"):
            for work in (platform.actor(Ledger, "a").write(line=line), platform.actor(Other, "o").write(line=line)):
                written = await started(platform, work)
                await platform.clock.advance(10)
                assert written.done()
        await platform.crash()
        assert first.done()
        stage.gates["x"].set()
        again = await started(platform, send(20))
        await platform.clock.advance(15)
        assert again.result() == 1
        assert await platform.actor(Other, "o").read() == ["x", "y", "z"]
        assert (await platform.actor(Ledger, "a").read())[-1] == "x>o"
        await started(platform, first)
        assert first.exception() is not None
