"""Two versions of a kind's code side by side, as in a rolling restart: older code never gets what newer code has written."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from natya import Unavailable
from natya.message import Answer
from natya.names import partition_of
from natya.ports.snapshots import Snapshot
from natya.runtime.batch import Position
from natya.runtime.offer import Offer
from natya.telemetry.events import NobodyCanRead
from support.members import incarnation
from support.protocol import result, started
from support.trouble import HeldSnapshots
from support.two_versions import KEYS, NEW, OLD, PARTITIONS, New, Skewed, skewed


async def test_a_rolling_restart_goes_on_serving_and_lifts_the_states() -> None:
    async with skewed(old=3, new=0) as both:
        stop = False

        async def ask(key: str) -> int:
            count = 1
            while not stop:
                reply = await both.platform.bus.request(f"natya.ask.person.{key}.rename", b'{"name":"A B"}', timeout=5)
                assert result(Answer.read(reply)) == count + 1
                count += 1
                await both.clock.sleep(0.01)
            return count

        asking = [asyncio.create_task(ask(key)) for key in KEYS[:6]]
        for name in ("n0", "n1", "n2"):
            node = next(node for node in both.cluster.nodes if node.name == name)
            await both.cluster.stop(node)
            assert not both.newer() & both.numbers(OLD)
            both.start(name, NEW)
            await both.cluster.ready()
            assert not both.newer() & both.numbers(OLD)
        stop = True
        await both.clock.advance(1)
        assert min(await asyncio.gather(*asking)) > 20
        assert both.numbers(NEW) == set(range(PARTITIONS)) == both.newer()
        assert not [event for event in both.seen if isinstance(event, NobodyCanRead)]
        assert await both.names() == {"A B", "Ada Lovelace"}
        assert set(await both.rename("Grace Hopper")) >= {2}
        await both.clock.advance(10)
        documents = await both.platform.snapshots.load("person", KEYS)
        assert {document.schema for document in documents.values()} == {2}
        assert all(orjson.loads(document.state or b"{}")["last"] == "Hopper" for document in documents.values())


async def test_states_that_are_only_in_the_journal_are_lifted_too() -> None:
    """The store is away: what the old nodes wrote comes to the new ones by hand-over and by take-over."""
    async with skewed(old=2, new=0) as both:
        both.platform.snapshots.available = False
        assert await both.rename("Grace Hopper") == [2] * len(KEYS)
        both.start("n2", NEW)
        await both.cluster.ready()
        for node in both.nodes(OLD):
            await both.cluster.crash(node)
        await both.cluster.ready()
        assert both.numbers(NEW) == set(range(PARTITIONS))
        assert await both.names() == {"Grace Hopper"}
        assert await both.platform.actor(New, KEYS[0]).swap() == 3
        assert await both.platform.actor(New, KEYS[0]).name() == "Hopper Grace"


async def test_what_a_new_node_had_is_not_given_to_an_old_one_when_it_is_killed() -> None:
    async with skewed(old=2, new=2) as both:
        mine = both.newer()
        assert mine
        assert both.numbers(OLD)
        await both.rename("Grace Hopper")
        await both.cluster.crash(both.nodes(NEW)[0])
        await both.clock.advance(2)
        assert both.numbers(NEW) >= mine, "the other new node has them"
        assert not both.newer() & both.numbers(OLD)
        assert set(await both.rename("Grace Hopper")) == {3}


@pytest.mark.parametrize("leaving", [True, False])
async def test_when_only_old_nodes_are_left_those_partitions_wait_for_a_new_one(leaving: bool) -> None:
    async with skewed(old=2, new=1) as both:
        mine = both.newer()
        assert 0 < len(mine) < PARTITIONS
        assert set(await both.rename("Grace Hopper")) == {2}
        (node,) = both.nodes(NEW)
        both.seen.clear()
        await (both.cluster.stop(node) if leaving else both.cluster.crash(node))
        await both.clock.advance(5)
        assert both.numbers(OLD) == set(range(PARTITIONS)) - mine
        events = [event for event in both.seen if isinstance(event, NobodyCanRead)]
        assert {(event.kind, event.schema) for event in events} == {("person", 2)}
        assert max(event.partitions for event in events) == len(mine)
        assert len(events) < 10, "told when it changes, not all the time"
        answers = [await started(both.platform, both.platform.actor(New, key, timeout=1).name()) for key in KEYS]
        await both.clock.advance(3)
        failed = [task.exception() for task in answers if task.exception() is not None]
        assert failed
        assert {type(error) for error in failed} == {Unavailable}
        assert len([task for task in answers if task.exception() is None]) + len(failed) == len(KEYS)
        both.start("n9", NEW)
        await both.cluster.ready()
        assert both.numbers(NEW) >= mine
        assert set(await both.rename("Ada Lovelace")) == {3}


async def test_what_was_told_meanwhile_is_done_when_a_new_node_returns() -> None:
    async with skewed(old=1, new=1) as both:
        (node,) = both.nodes(NEW)
        await both.cluster.crash(node)
        await both.clock.advance(1)
        for key in KEYS:
            await both.platform.actor(New, key).rename.tell(name="Grace Hopper")
        await both.clock.advance(5)
        both.start("n9", NEW)
        await both.cluster.ready()
        await both.cluster.settle()
        assert await both.names() == {"Grace Hopper"}


async def test_an_old_node_does_not_take_over_what_newer_code_offers_it() -> None:
    """Placement would not have it so; but views differ."""
    async with skewed(old=1, new=1) as both:
        (old,) = both.nodes(OLD)
        number = min(both.newer())
        for schema, answer in ((2, "unavailable"), (1, {"ok": True})):
            offer = Offer("person", number, 1, 1, 0, 1, schema, 0, 0, "", 0, Position(), 0)
            subject = f"natya.node.{incarnation(old)}.prepare"
            reply = await both.platform.bus.request(subject, offer.encode(), timeout=1)
            assert result(Answer.read(reply)) == answer


async def test_a_late_write_of_an_old_node_does_not_undo_what_a_new_one_wrote() -> None:
    snapshots = HeldSnapshots()
    async with skewed(old=1, new=0, snapshots=snapshots) as both:
        snapshots.writes.clear()
        assert set(await both.rename("Grace Hopper")) == {2}
        await both.clock.advance(1)
        gate, snapshots.writes = snapshots.writes, asyncio.Event()
        snapshots.writes.set()
        both.start("n1", NEW)
        await both.cluster.ready()
        assert set(await both.rename("Mary Shelley")) == {3}
        await both.clock.advance(10)
        written = len(snapshots.written)
        gate.set()
        await both.clock.settle()
        assert {snapshot.version for snapshot in snapshots.written[written:]} == {2}
        await both.clock.advance(10)
        documents = await snapshots.load("person", KEYS)
        newer = {document.key for document in documents.values() if document.schema == 2}
        assert newer
        assert {document.version for document in documents.values()} == {3}


async def test_an_old_node_that_finds_a_newer_document_says_so_and_leaves_it_alone() -> None:
    """The journal does not tell it: newer code has filled the store. What was told waits for a node that can read it."""
    async with skewed(old=1, new=0) as both:
        document = Snapshot("imported", 7, 1, 0, schema=2, state=b'{"first":"Mary","last":"Shelley","changes":7}')
        await both.platform.snapshots.write("person", [document])
        refused = await started(both.platform, both.platform.actor(New, "imported", timeout=1).rename(name="Nobody"))
        await both.clock.advance(2)
        with pytest.raises(Unavailable, match="has schema 2, this node knows 1"):
            await refused
        await both.platform.actor(New, "imported").rename.tell(name="Mary Godwin")
        await both.clock.advance(10)
        assert await both.platform.snapshots.load("person", ["imported"]) == {"imported": document}
        assert both.platform.dead_letters == []
        both.start("n1", NEW)
        both.cluster.nodes[0].stop()
        await both.cluster.until(lambda: both.numbers(NEW) == set(range(PARTITIONS)))
        await both.cluster.settle()
        assert await both.platform.actor(New, "imported").name() == "Mary Godwin"


@pytest.mark.parametrize("how", ["ask", "tell"])
async def test_a_turn_that_changes_nothing_leaves_an_older_document_in_its_form(how: str) -> None:
    """The store keeps the state it has: it must go on saying which form that is."""
    async with skewed(old=1, new=0) as both:
        await both.clock.advance(10)
        for node in list(both.cluster.nodes):
            await both.cluster.stop(node)
        both.start("n1", NEW)
        await both.cluster.ready()
        actor = both.platform.actor(New, KEYS[0])
        if how == "ask":
            await actor.touch()
        else:
            await actor.refuse.tell()
        await both.clock.advance(10)
        document = (await both.platform.snapshots.load("person", [KEYS[0]]))[KEYS[0]]
        assert (document.schema, orjson.loads(document.state or b"")) == (1, {"name": "Ada Lovelace", "changes": 1})
        assert document.journal > 1, "it was written for the turn"
        await both.cluster.stop(both.cluster.nodes[0])
        both.start("n2", NEW)
        await both.cluster.ready()
        assert await actor.name() == "Ada Lovelace"


async def test_a_turn_that_changes_nothing_and_is_read_back_leaves_a_newer_document_in_its_form() -> None:
    async with skewed(old=1, new=1) as both:
        await both.cluster.stop(both.nodes(OLD)[0])
        await both.rename("Grace Hopper")
        await both.clock.advance(10)
        both.platform.snapshots.available = False
        await both.platform.actor(New, KEYS[0]).touch()
        await both.cluster.crash(both.cluster.nodes[0])
        both.platform.snapshots.available = True
        both.start("n2", NEW)
        await both.cluster.ready()
        await both.clock.advance(10)
        document = (await both.platform.snapshots.load("person", [KEYS[0]]))[KEYS[0]]
        assert document.schema == 2
        await both.cluster.stop(both.cluster.nodes[0])
        both.start("n3", NEW)
        await both.cluster.ready()
        assert await both.platform.actor(New, KEYS[0]).name() == "Grace Hopper"


async def test_a_method_that_only_the_new_version_has_is_answered_through_routers_of_the_old() -> None:
    async with skewed(old=3, new=1) as both:
        key = next(key for key in KEYS if partition_of(key, PARTITIONS) in both.numbers(NEW))
        other = next(key for key in KEYS if partition_of(key, PARTITIONS) in both.numbers(OLD))
        for _ in range(20):
            reply = await both.platform.bus.request(f"natya.ask.person.{key}.swap", b"", timeout=1)
            assert isinstance(result(Answer.read(reply)), int)
        reply = await both.platform.bus.request(f"natya.ask.person.{other}.swap", b"", timeout=1)
        assert result(Answer.read(reply)) == "unknown_method", "its owner does not have it yet"


async def test_a_lost_cluster_bucket_does_not_let_an_old_node_have_what_a_new_one_wrote() -> None:
    """The journal says it too, and tells the placement again."""
    async with skewed(old=2, new=2) as both:
        mine = both.newer()
        assert mine
        assert set(await both.rename("Grace Hopper")) == {2}
        for node in list(both.cluster.nodes):
            await both.cluster.crash(node)
        both.cluster.broker.bucket("natya_cluster")._entries.clear()
        for name, definitions in (("n2", OLD), ("n3", OLD), ("n0", NEW), ("n1", NEW)):
            both.start(name, definitions)
        await both.clock.advance(5)
        assert not mine & both.numbers(OLD)
        assert both.numbers(OLD) | both.numbers(NEW) == set(range(PARTITIONS))
        assert set(await both.rename("Grace Hopper")) == {3}


def known(both: Skewed) -> list[str]:
    """The methods that the world is told of."""
    entry = both.cluster.broker.bucket("natya_kinds").get("person")
    assert entry is not None
    assert entry.value
    return sorted(orjson.loads(entry.value)["methods"])


async def test_an_earlier_node_that_restarts_in_a_roll_out_does_not_hide_what_the_later_code_has() -> None:
    async with skewed(old=2, new=1) as both:
        assert "swap" in known(both)
        await both.cluster.stop(both.nodes(OLD)[0])
        both.start("n0", OLD)
        await both.cluster.ready()
        await both.clock.advance(5)
        assert "swap" in known(both)


async def test_after_a_roll_back_the_earlier_code_says_again_what_there_is() -> None:
    async with skewed(old=2, new=1) as both:
        await both.cluster.stop(both.nodes(NEW)[0])
        await both.clock.advance(5)
        assert known(both) == ["name", "rename"]
        both.start("n2", NEW)
        await both.cluster.ready()
        for node in both.nodes(OLD):
            await both.cluster.stop(node)
        await both.clock.advance(5)
        assert "swap" in known(both)


async def test_nodes_of_two_versions_do_not_contend_for_what_is_said() -> None:
    async with skewed(old=2, new=2) as both:
        entry = both.cluster.broker.bucket("natya_kinds").get("person")
        await both.clock.advance(10)
        assert both.cluster.broker.bucket("natya_kinds").get("person") == entry
