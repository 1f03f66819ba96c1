"""The registry on a real server: leases that end, and watches that see it."""

from __future__ import annotations

import asyncio

import pytest

from natya.errors import Invalid
from natya.jetstream import JetStream
from natya.jetstream.requests import api, purge
from natya.ports.lease import Entry, LeaseUnknown, RevisionConflict
from natya_ops.servers import NatsServer
from support.jetstream_world import JetStreamWorld, delete_consumer
from support.world import eventually

BUCKET = "natya_cluster"


class Seen:
    """What a watch told, newest per key."""

    def __init__(self) -> None:
        self.newest: dict[str, Entry] = {}
        self.told: list[Entry] = []

    def __call__(self, entry: Entry) -> None:
        self.told.append(entry)
        self.newest[entry.key] = entry

    def value(self, key: str) -> bytes | None:
        return self.newest[key].value if key in self.newest else None


async def test_a_renewed_lease_lives_and_one_that_is_not_ends_in_sight_of_all(own: JetStream) -> None:
    registry = own.registry(BUCKET)
    seen = Seen()
    watch = await registry.watch(seen)
    kept = await registry.put("member.kept", b"1", expected=0, ttl=1)
    gone = await registry.put("member.gone", b"1", expected=0, ttl=1)
    async with asyncio.timeout(10):
        while seen.newest.get("member.gone") is None or seen.newest["member.gone"].value is not None:
            kept = await registry.put("member.kept", b"1", expected=kept, ttl=1)
            await asyncio.sleep(0.1)
    assert seen.value("member.kept") == b"1"
    assert seen.newest["member.gone"].revision > gone
    ended = await registry.get("member.gone")
    assert ended == seen.newest["member.gone"]
    with pytest.raises(RevisionConflict):
        await registry.put("member.gone", b"2", expected=gone, ttl=1)
    again = await registry.put("member.gone", b"2", expected=0, ttl=5)
    with pytest.raises(RevisionConflict):
        await registry.put("member.gone", b"3", expected=0)
    assert (await registry.get("member.gone")) == Entry("member.gone", b"2", again)
    await watch.close()


@pytest.mark.parametrize("operation", ["DEL", "PURGE"])
async def test_a_key_deleted_with_other_tools_has_ended(own: JetStream, operation: str) -> None:
    registry = own.registry(BUCKET)
    seen = Seen()
    watch = await registry.watch(seen)
    await registry.put("owner.a.0", b"x")
    headers = {"KV-Operation": operation} | ({"Nats-Rollup": "sub"} if operation == "PURGE" else {})
    revision = await own.bus.store(f"$KV.{BUCKET}.owner.a.0", b"", headers, timeout=5)
    await eventually(lambda: seen.newest["owner.a.0"] == Entry("owner.a.0", None, revision))
    assert await registry.put("owner.a.0", b"y", expected=0) > revision
    await watch.close()


async def test_a_watch_tells_all_keys_there_are_and_then_changes(own: JetStream) -> None:
    registry = own.registry(BUCKET)
    for first in range(0, 1_500, 100):  # more than one portion
        await asyncio.gather(*(registry.put(f"owner.a.{n}", b"x") for n in range(first, first + 100)))
    seen = Seen()
    watch = await registry.watch(seen)
    assert len(seen.newest) == 1_500
    await registry.put("owner.a.7", b"new")
    await eventually(lambda: seen.value("owner.a.7") == b"new")
    await watch.close()


async def test_a_watch_outlives_the_server_and_tells_of_what_vanished_meanwhile(
    own: JetStream, nats_server: NatsServer
) -> None:
    registry = own.registry(BUCKET)
    seen = Seen()
    watch = await registry.watch(seen)
    revision = await registry.put("a", b"1")
    await registry.put("b", b"1")
    await eventually(lambda: seen.value("b") == b"1")
    # Without a trace, as when a marker has gone too: the watch is not told.
    await purge(own.connection, f"KV_{BUCKET}", f"$KV.{BUCKET}.a", before=revision + 1)
    await nats_server.kill()
    await eventually(lambda: not own.bus.connected)
    await nats_server.start()
    await eventually(lambda: seen.newest["a"].value is None)
    assert seen.newest["a"].revision > revision
    await eventually(lambda: own.bus.connected)
    await registry.put("b", b"2")
    await eventually(lambda: seen.value("b") == b"2")
    await watch.close()


async def test_a_watch_starts_again_when_its_consumer_is_deleted(own: JetStream) -> None:
    registry = own.registry(BUCKET)
    seen = Seen()
    watch = await registry.watch(seen)
    await delete_consumer(own, f"KV_{BUCKET}")
    await registry.put("a", b"1")
    await eventually(lambda: seen.value("a") == b"1")
    await watch.close()


async def test_a_watcher_that_raises_is_logged_and_goes_on_being_told(
    own: JetStream, caplog: pytest.LogCaptureFixture
) -> None:
    registry = own.registry(BUCKET)
    told: list[bytes | None] = []

    def changed(entry: Entry) -> None:
        if entry.value == b"bad":
            raise RuntimeError("a bug")
        told.append(entry.value)

    watch = await registry.watch(changed)
    await registry.put("a", b"bad")
    await registry.put("a", b"good")
    await eventually(lambda: told == [b"good"])
    assert "a watcher failed" in caplog.text
    await watch.close()


async def test_a_closed_watch_tells_nothing_and_leaves_no_consumer(own: JetStream) -> None:
    registry = own.registry(BUCKET)
    seen = Seen()
    watch = await registry.watch(seen)
    await watch.close()
    await watch.close()
    await registry.put("a", b"1")
    async with asyncio.timeout(5):
        while (await api(own.connection, f"STREAM.INFO.KV_{BUCKET}"))["state"]["consumer_count"]:
            await asyncio.sleep(0.01)
    assert seen.told == []


@pytest.mark.parametrize("key", ["", "a b", "a.*", ">", "a..b", ".a", "a\n"])
async def test_a_key_that_the_bucket_cannot_hold_is_refused(own: JetStream, key: str) -> None:
    with pytest.raises(Invalid, match="not a key"):
        await own.registry(BUCKET).put(key, b"")
    with pytest.raises(Invalid, match="not a key"):
        await own.registry(BUCKET).get(key)


async def test_a_bucket_that_is_not_there_is_unknown(own: JetStream) -> None:
    registry = own.registry("nowhere")
    with pytest.raises(LeaseUnknown):
        await registry.get("a")
    with pytest.raises(LeaseUnknown):
        await registry.put("a", b"")
    with pytest.raises(LeaseUnknown):
        await registry.watch(Seen())


async def test_a_write_that_hangs_is_unknown(world: JetStreamWorld) -> None:
    registry = world.registry
    await registry.put("a", b"1")
    world.relay(world.home).freeze()
    registry._timeout = 0.1
    with pytest.raises(LeaseUnknown):
        await registry.put("a", b"2")
    world.relay(world.home).thaw()
