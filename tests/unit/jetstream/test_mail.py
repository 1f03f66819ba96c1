"""Mail on a real server: how tells are stored, and a reader that goes on through trouble."""

from __future__ import annotations

import asyncio
import time

import pytest

from natya.jetstream import JetStream
from natya.jetstream.requests import api
from natya.names import encode_key, partition_of
from natya.ports.bus import NoReply, NoResponders, Refused
from natya.ports.mail import Letter, MailReader, MailUnavailable
from natya_ops.servers import NatsServer
from support.jetstream_world import JetStreamWorld, delete_consumer

KIND = "account"


async def read(reader: MailReader, count: int, *, limit: float = 10.0) -> list[Letter]:
    """The next ``count`` letters, asking again as long as mail is unavailable."""
    letters: list[Letter] = []
    async with asyncio.timeout(limit):
        while len(letters) < count:
            try:
                letters += await reader.next(count - len(letters))
            except MailUnavailable:
                await asyncio.sleep(0.01)
    return letters


async def test_the_server_puts_each_key_into_the_partition_that_we_compute(own: JetStream) -> None:
    await own.ensure_kind(KIND, 16)
    keys = ["a", "alice@example.com", "ключ", "a b", "%", "*", ">", "x" * 66, *(f"key-{n}" for n in range(60))]
    tokens = [encode_key(key) for key in keys]
    for token in tokens:
        await own.bus.store(f"natya.tell.account.{token}.m", b"", timeout=5)
    for token in tokens:
        assert await own.mail.of_key(KIND, partition_of(token, 16), token, start=1, limit=5), token


@pytest.mark.parametrize("subject", ["natya.tell.account.a.b.c", "natya.tell.account.a", "natya.tell.unknown.a.b"])
async def test_a_malformed_tell_or_one_to_an_unknown_kind_is_not_stored(own: JetStream, subject: str) -> None:
    await own.ensure_kind(KIND, 1)
    with pytest.raises(NoResponders):
        await own.bus.store(subject, b"", timeout=5)


async def test_a_tell_cannot_roll_up_the_mail(own: JetStream) -> None:
    await own.ensure_kind(KIND, 1)
    await own.bus.store("natya.tell.account.a.m", b"kept", timeout=5)
    with pytest.raises(Refused, match="rollup not permitted"):
        await own.bus.store("natya.tell.account.a.m", b"", {"Nats-Rollup": "all"}, timeout=5)
    assert len(await own.mail.of_key(KIND, 0, "a", start=1, limit=5)) == 1


async def test_full_mail_is_unknown_for_now_and_drops_nothing(own: JetStream) -> None:
    await own.ensure_kind(KIND, 1)
    config = (await api(own.connection, "STREAM.INFO.natya_mail_account"))["config"]
    await api(own.connection, "STREAM.UPDATE.natya_mail_account", config | {"max_bytes": 3_000})
    stored = 0

    async def fill() -> None:
        nonlocal stored
        for _ in range(100):
            await own.bus.store("natya.tell.account.a.m", b"x" * 500, timeout=5)
            stored += 1

    with pytest.raises(NoReply, match="maximum bytes"):
        await fill()
    assert len(await own.mail.of_key(KIND, 0, "a", start=1, limit=100)) == stored > 0


async def test_a_reader_goes_on_when_its_consumer_is_deleted(own: JetStream) -> None:
    await own.ensure_kind(KIND, 1)
    reader = await own.mail.reader(KIND, 0, start=1)
    waiting = asyncio.create_task(read(reader, 2))
    for body in (b"1", b"2"):
        await delete_consumer(own, "natya_mail_account")
        await own.bus.store("natya.tell.account.a.m", body, timeout=5)
    assert [letter.body for letter in await waiting] == [b"1", b"2"]
    await reader.close()


async def test_a_reader_goes_on_promptly_after_the_server_was_killed(own: JetStream, nats_server: NatsServer) -> None:
    await own.ensure_kind(KIND, 1)
    for n in range(10):
        await own.bus.store("natya.tell.account.a.m", b"%d" % n, timeout=5)
    reader = await own.mail.reader(KIND, 0, start=1)
    assert len(await read(reader, 10)) == 10
    waiting = asyncio.create_task(read(reader, 1))
    await asyncio.sleep(0)
    await nats_server.kill()
    await nats_server.start()
    began = time.perf_counter()
    async with asyncio.timeout(10):
        while True:
            try:
                await own.bus.store("natya.tell.account.a.m", b"10", {"Nats-Msg-Id": "a/10"}, timeout=1)
                break
            except Exception:  # noqa: BLE001 - whatever it is, the server is not up yet
                await asyncio.sleep(0.01)
    (letter,) = await waiting
    assert (letter.body, letter.sequence) == (b"10", 11)
    assert time.perf_counter() - began < 5
    await reader.close()


async def test_letters_lost_in_a_broken_connection_are_read_again(world: JetStreamWorld) -> None:
    await world.make_kind(KIND, 1)
    reader = await world.mail.reader(KIND, 0, start=1)
    sender = await world.bus()
    relay = world.relay(world.home)
    seen: list[int] = []
    for _ in range(5):
        relay.freeze()  # what the server sends from now on never arrives
        for _ in range(20):
            await sender.store(world.subjects.tell(KIND, "a", "m"), b"", timeout=5)
        relay.cut()
        relay.thaw()
        relay.restore()
        seen += [letter.sequence for letter in await read(reader, 20)]
    assert seen == list(range(1, 101))
    await reader.close()


async def test_idle_readers_cost_next_to_nothing(own: JetStream) -> None:
    await own.ensure_kind(KIND, 32)
    readers = [await own.mail.reader(KIND, partition, start=1) for partition in range(32)]
    waiting = [asyncio.create_task(reader.next(1)) for reader in readers]
    await asyncio.sleep(0)
    before = time.process_time()
    await asyncio.wait(waiting, timeout=1)
    assert time.process_time() - before < 0.05
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    for reader in readers:
        await reader.close()
