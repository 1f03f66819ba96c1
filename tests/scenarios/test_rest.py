"""An idle actor that is written to the store keeps its state as text alone, and nobody notices."""

from __future__ import annotations

from natya.runtime.activation import Activation
from natya.testing import TestPlatform
from support.ledger import Echo, Ledger, Stage
from support.protocol import started, told


def activation(platform: TestPlatform, kind: str = "ledger", key: str = "a") -> Activation:
    partition = next(p for p in platform.cluster.nodes[0].partitions if p.definition.kind == kind)
    return partition.catalog.activations[key]


async def test_an_actor_rests_once_it_is_written_and_goes_on_from_the_same_state(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        ledger = platform.actor(Ledger, "a")
        await ledger.write(line="x")
        assert await ledger.read() == ["x"]
        assert activation(platform).actor.state is not None
        await platform.clock.advance(5)
        assert activation(platform).actor.state is activation(platform).view is activation(platform).mailbox is None
        assert await ledger.read() == ["x"]
        assert await ledger.write(line="y") == 2
        await platform.clock.advance(5)
        stage.broken["z"] = 1
        await told(platform, "a", "write", line="z")
        await platform.clock.advance(60)
        assert await ledger.read() == ["x", "y", "z"]


async def test_an_actor_in_the_middle_of_a_turn_does_not_rest(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        await platform.actor(Ledger, "a").write(line="x")
        slow = await started(platform, platform.actor(Ledger, "a").write_slowly(line="slow"))
        await platform.clock.advance(5)
        assert activation(platform).actor.state.lines == ["x", "slow/half"]
        stage.gates["slow"].set()
        assert await slow == 2


async def test_actors_without_a_state_have_none_to_keep(stage: Stage) -> None:
    async with TestPlatform(Ledger, Echo) as platform:
        await platform.bus.store("natya.tell.echo.a.note", b'{"line":"x"}', timeout=1.0)
        await platform.clock.advance(5)
        assert await platform.actor(Ledger, "echoes").read() == ["a:x"]
        assert not hasattr(activation(platform, "echo").actor, "state")
