"""What can go wrong with stored messages, and with what turns send (scenarios 18 to 26)."""

from __future__ import annotations

import orjson
import pytest

from natya.errors import UnknownKind
from natya.ports.bus import NoResponders, Refused
from natya.ref import Options
from natya.settings import Settings
from natya.testing import TestPlatform
from support.ledger import Echo, Ledger, Stage
from support.protocol import told
from support.trouble import HeldSnapshots, Trouble

JOURNAL = "natya.journal.ledger.0"
MAIL = "natya_mail_ledger"


def stored(platform: TestPlatform) -> list[int]:
    stream = platform.cluster.broker.stream(MAIL)
    assert stream is not None
    return [letter.sequence for letter in stream.read(">")]


async def test_a_message_sent_again_after_the_server_forgot_its_id_runs_once(stage: Stage) -> None:
    snapshots = HeldSnapshots()
    async with TestPlatform(Ledger, snapshots=snapshots) as platform:
        snapshots.writes.clear()  # so that no checkpoint covers the outbox
        await platform.actor(Ledger, "a").pass_on(to="b", line="x")
        await platform.settle()
        await platform.clock.advance(3)
        assert stored(platform) == [], "done and purged"
        stream = platform.cluster.broker.stream(MAIL)
        assert stream is not None
        stream._seen.clear()  # what a killed and restarted server does with purged messages' ids
        await platform.crash()
        await platform.settle()
        assert stream._last == 2, "sent again, and stored again"
        assert await platform.actor(Ledger, "b").read() == ["x"]


async def test_a_checkpoint_never_passes_what_is_not_sent_yet(stage: Stage, trouble: Trouble) -> None:
    async with TestPlatform(Ledger, faults=trouble) as platform:
        trouble.lose_sent("node1", "natya.tell.*")
        trouble.lose_sent("node1", "natya.event.*")
        await platform.actor(Ledger, "a").pass_on(to="b", line="x")
        await platform.clock.advance(10)
        (partition,) = platform.cluster.nodes[0].partitions
        assert partition.unwritten.oldest is None, "the snapshot is written"
        assert platform.events == []
        (node,) = platform.cluster.nodes
        await platform.cluster.crash(node)
        platform.cluster.start_node()
        await platform.settle()
        assert await platform.actor(Ledger, "b").read() == ["x"]
        assert [event.payload for event in platform.events] == [{"line": "x"}]


async def test_a_tell_before_the_position_is_not_run_again_after_a_later_ask(stage: Stage) -> None:
    """Its mail sequence is in every later turn, also in one that no mail caused."""
    async with TestPlatform(Ledger) as platform:
        await told(platform, "slow", "write_slowly", line="slow")
        await told(platform, "x", "write", line="told")
        await platform.clock.advance(5)
        (partition,) = platform.cluster.nodes[0].partitions
        assert partition.unwritten.oldest is None, "the told turn is in the store, behind the checkpoint"
        await platform.actor(Ledger, "x").write(line="asked")
        await platform.crash()
        stage.gates["slow"].set()
        await platform.settle()
        assert await platform.actor(Ledger, "x").read() == ["told", "asked"]
        assert stage.runs["told"] == 1
        assert stage.runs["slow"] == 2


async def test_a_tell_before_the_position_is_not_run_again_when_only_its_snapshot_is_left(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        await told(platform, "slow", "write_slowly", line="slow")
        await told(platform, "x", "write", line="told")
        await platform.clock.advance(5)
        await platform.crash()
        await platform.crash()
        stage.gates["slow"].set()
        await platform.settle()
        assert await platform.actor(Ledger, "x").read() == ["told"]
        assert stage.runs["told"] == 1


async def test_a_tell_of_a_stateless_kind_is_not_run_again_either(stage: Stage) -> None:
    async with TestPlatform(Ledger, Echo, settings=Settings.model_construct(idle_after=1.0)) as platform:
        for n in range(3):
            await platform.bus.store("natya.tell.echo.e.note", orjson.dumps({"line": f"{n}"}), timeout=1.0)
            await platform.settle()
            await platform.clock.advance(5)
        await platform.crash()
        await platform.bus.store("natya.tell.echo.e.note", orjson.dumps({"line": "3"}), timeout=1.0)
        await platform.settle()
        await platform.crash()
        await platform.settle()
        assert await platform.actor(Ledger, "echoes").read() == [f"e:{n}" for n in range(4)]


async def test_versions_of_a_stateless_kind_go_on_after_it_left_memory_behind_a_stuck_checkpoint(
    stage: Stage, trouble: Trouble
) -> None:
    async with TestPlatform(Ledger, Echo, faults=trouble, settings=Settings.model_construct(idle_after=1.0)) as platform:
        trouble.lose_sent("node1", "natya.tell.ledger.*")
        for line in ("0", "1"):
            await platform.bus.store("natya.tell.echo.e.note", orjson.dumps({"line": line}), timeout=1.0)
            await platform.clock.advance(5)
        assert stage.runs == {"0": 1, "1": 1}
        await platform.cluster.crash(platform.cluster.nodes[0])
        platform.cluster.start_node()
        await platform.settle()
        assert await platform.actor(Ledger, "echoes").read() == ["e:0", "e:1"]


async def test_mail_that_came_while_the_node_was_disconnected_is_read(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        (node,) = platform.cluster.nodes
        node.bus.disconnect()
        for n in range(100):
            await told(platform, "a", "write", line=f"{n}")
        node.bus.reconnect()
        await platform.settle()
        assert await platform.actor(Ledger, "a").read() == [f"{n}" for n in range(100)]


async def test_an_actor_with_thousands_of_slow_messages_blocks_nobody_and_fills_no_memory(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        await told(platform, "slow", "write_slowly", line="gate")
        for n in range(3_000):
            await told(platform, "slow", "write", line=f"{n}")
        await platform.clock.advance(0.2)
        (partition,) = platform.cluster.nodes[0].partitions
        for n in range(300):
            await told(platform, f"quick{n % 10}", "write", line=f"{n}")
        await platform.clock.advance(0.2)
        assert stage.runs["299"] == 1
        lines = await platform.actor(Ledger, "quick7").read()
        assert lines == [f"{n}" for n in range(7, 300, 10)]
        assert partition.execution.queued <= 256
        assert partition.mailbag.position().behind.keys() == {"slow"}
        await platform.crash()
        (partition,) = platform.cluster.nodes[0].partitions
        assert partition.execution.queued <= 256
        stage.gates["gate"].set()
        await platform.settle(limit=300)
        assert await platform.actor(Ledger, "slow").read() == ["gate", *(f"{n}" for n in range(3_000))]


async def test_only_what_an_acknowledged_record_says_is_done_is_purged(stage: Stage, trouble: Trouble) -> None:
    async with TestPlatform(Ledger, faults=trouble) as platform:
        sequence = await told(platform, "a", "write", line="x")
        await platform.clock.settle()
        assert stage.runs["x"] == 1
        trouble.lose_sent("node1", JOURNAL)
        await platform.clock.advance(2)
        assert stored(platform) == [sequence], "done, but no record that says so is acknowledged"
        trouble.clear()
        await platform.clock.advance(5)
        assert stored(platform) == []


async def test_a_tell_that_asks_for_a_roll_up_wipes_nothing(stage: Stage) -> None:
    async with TestPlatform(Ledger) as platform:
        stage.gates["slow"].clear()
        await told(platform, "slow", "write_slowly", line="slow")
        with pytest.raises(Refused):
            await platform.bus.store("natya.tell.ledger.a.write", b'{"line":"x"}', {"Nats-Rollup": "all"}, timeout=1.0)
        await platform.store("ledger", "a", "write", b'{"line":"y"}', Options(), {"Nats-Rollup": "all"})
        assert len(stored(platform)) == 2
        stage.gates["slow"].set()
        await platform.settle()
        assert await platform.actor(Ledger, "a").read() == ["y"]


@pytest.mark.parametrize("subject", ["natya.tell.ledger.a.b.c", "natya.tell.ledger.a", "natya.tell.ledger"])
async def test_a_tell_with_a_malformed_subject_is_refused(stage: Stage, subject: str) -> None:
    async with TestPlatform(Ledger) as platform:
        with pytest.raises(NoResponders):
            await platform.bus.store(subject, b"{}", timeout=1.0)


async def test_a_tell_to_a_kind_that_was_never_deployed_fails_in_the_turn(stage: Stage) -> None:
    async with TestPlatform(Echo) as platform:
        await platform.actor(Echo, "e").note.tell(line="x")
        await platform.settle()
        (letter,) = platform.dead_letters
        assert (letter.kind, letter.slug, letter.attempts) == ("echo", UnknownKind.slug, 1)


async def test_a_tell_that_no_stream_takes_any_more_becomes_a_dead_letter_and_the_checkpoint_goes_on(stage: Stage) -> None:
    async with TestPlatform(Ledger, Echo) as platform:
        broker = platform.cluster.broker
        stream = broker.stream(MAIL)
        assert stream is not None
        await platform.actor(Ledger, "warm").write(line="warm")
        await platform.actor(Echo, "e").note.tell(line="x")
        broker._captures.remove("natya.tell.ledger.*.*", stream)
        await platform.clock.advance(60)
        partition = next(p for node in platform.cluster.nodes for p in node.partitions if p.definition.kind == "echo")
        assert not partition.outbox
        await platform.clock.advance(5)
        assert partition.unwritten.oldest is None
        (letter,) = broker.dead_letters
        assert letter.subject == "natya.dead.ledger.echoes.write"
        assert orjson.loads(letter.data) == {"line": "e:x"}
        assert letter.headers["Natya-Undeliverable"].startswith("refused")
