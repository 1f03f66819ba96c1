"""The connection: barriers, the order of events when it breaks, and what a server may do to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from natya.errors import Invalid
from natya.jetstream import connect
from natya.jetstream.connection import Connection
from natya.jetstream.parser import BURST, Arrival
from natya.jetstream.wire import WRITE_LIMIT
from natya.ports.bus import Disconnected, NoReply, PayloadTooLarge
from natya_ops.servers import NatsServer
from support.fake_nats import FakeNats
from support.jetstream_world import JetStreamWorld
from support.world import eventually


@pytest.fixture
async def fake() -> AsyncIterator[FakeNats]:
    async with FakeNats() as server:
        yield server


@pytest.fixture
async def to_fake(fake: FakeNats) -> AsyncIterator[Connection]:
    connection = await connect(fake.url, name="test")
    yield connection
    await connection.close()


@pytest.fixture
async def connection(nats_url: str) -> AsyncIterator[Connection]:
    connection = await connect(nats_url, name="test")
    yield connection
    await connection.close()


async def test_a_subscription_is_known_to_the_server_when_subscribe_returns(nats_url: str, namespace: str) -> None:
    one, other = await connect(nats_url, name="one"), await connect(nats_url, name="other")
    for n in range(200):
        subject = f"{namespace}.{n}"
        await one.subscribe(subject, lambda arrival: one.respond(arrival.reply, arrival.data))
        assert (await other.request(subject, b"here", timeout=5)).data == b"here"
    await one.close()
    await other.close()


async def test_members_of_a_queue_group_come_and_go_and_no_request_is_lost(nats_url: str, namespace: str) -> None:
    # Hand-off stands on this: what the server sent before it saw the UNSUB is handled before unsubscribe returns.
    services = [await connect(nats_url, name=f"service {n}") for n in range(2)]
    caller = await connect(nats_url, name="caller")
    stop = asyncio.Event()
    answered = 0

    async def call() -> None:
        nonlocal answered
        while not stop.is_set():
            await caller.request(namespace, b"", timeout=5)
            answered += 1

    def answer(service: Connection) -> asyncio.Future[None]:
        return asyncio.ensure_future(_serve_and_leave(service, namespace))

    first = await services[0].subscribe(namespace, lambda a: services[0].respond(a.reply, b"0"), queue="q")
    async with asyncio.TaskGroup() as group:
        for _ in range(16):
            group.create_task(call())
        for _ in range(100):
            await answer(services[1])
        stop.set()
    await first.unsubscribe()
    assert answered > 1_000
    for connection in (*services, caller):
        await connection.close()


async def _serve_and_leave(service: Connection, subject: str) -> None:
    handled = 0
    gone = False

    def handle(arrival: Arrival) -> None:
        nonlocal handled
        assert not gone, "a message after the barrier"
        handled += 1
        service.respond(arrival.reply, b"1")

    listener = await service.subscribe(subject, handle, queue="q")
    await eventually(lambda: handled >= 5)
    await listener.unsubscribe()
    gone = True


async def test_commands_reach_the_server_in_the_order_they_were_given(fake: FakeNats, to_fake: Connection) -> None:
    to_fake.publish("a", b"1")
    listener = to_fake.listen("b", lambda arrival: None)
    to_fake.publish("c", b"2")
    listener.stop()
    pong = to_fake.ping()
    to_fake.publish("d", b"3")
    assert await pong
    await eventually(lambda: b"PUB d" in fake.received)
    places = [fake.received.index(command) for command in (b"PUB a", b"SUB b", b"PUB c", b"UNSUB", b"PING", b"PUB d")][:4]
    assert places == sorted(places)
    assert fake.received.index(b"UNSUB") < fake.received.rindex(b"PING") < fake.received.index(b"PUB d")


async def test_when_the_connection_breaks_its_owner_hears_it_before_requests_fail(
    fake: FakeNats, to_fake: Connection
) -> None:
    events: list[str] = []
    to_fake.on_disconnect(lambda: events.append(f"lost, connected={to_fake.connected}"))
    to_fake.on_reconnect(lambda: events.append("back"))
    to_fake.listen("short", lambda arrival: None, lost=lambda: events.append("listener"))

    async def ask() -> None:
        with pytest.raises(NoReply):
            await to_fake.request("a", b"", timeout=30)
        events.append("no reply")

    request = asyncio.create_task(ask())
    await eventually(lambda: b"PUB a" in fake.received)
    fake.drop()
    await request
    assert events == ["lost, connected=False", "listener", "no reply"]
    await eventually(lambda: events[-1] == "back")
    assert b"SUB short" not in fake.received


async def test_nothing_that_was_not_sent_goes_out_after_the_reconnect(fake: FakeNats, to_fake: Connection) -> None:
    def publish_late() -> None:
        with pytest.raises(Disconnected):
            to_fake.publish("late", b"")
        to_fake.respond("late", b"")

    to_fake.on_disconnect(publish_late)
    to_fake.publish("early", b"")
    to_fake.lost()  # before the loop could write it
    with pytest.raises(Disconnected):
        to_fake.publish("late", b"")
    await eventually(lambda: to_fake.connected)
    await to_fake.subscribe("marker", lambda arrival: None)
    assert fake.connections == 2
    assert b"early" not in fake.received
    assert b"late" not in fake.received


async def test_a_lasting_subscription_is_made_anew_before_anything_else(fake: FakeNats, to_fake: Connection) -> None:
    await to_fake.subscribe("lasting", lambda arrival: None, queue="q")
    fake.drop()
    await eventually(lambda: not to_fake.connected)
    await eventually(lambda: to_fake.connected)
    to_fake.publish("first", b"")
    await eventually(lambda: b"PUB first" in fake.received)
    assert fake.received.index(b"SUB lasting q") < fake.received.index(b"PUB first")


async def test_subscribing_while_the_connection_breaks_is_refused(fake: FakeNats, to_fake: Connection) -> None:
    fake.reading.clear()
    to_fake.publish("wake", b"")
    await eventually(lambda: b"PUB wake" in fake.received)
    attempt = asyncio.create_task(to_fake.subscribe("a", lambda arrival: None))
    await asyncio.sleep(0)
    fake.drop()
    with pytest.raises(Disconnected):
        await attempt
    fake.reading.set()
    await eventually(lambda: to_fake.connected)
    assert await to_fake.ping()
    assert b"SUB a " not in fake.received


async def test_what_makes_no_sense_ends_the_connection_and_the_next_one_works(fake: FakeNats, to_fake: Connection) -> None:
    fake.send(b"MSG nonsense\r\n")
    await eventually(lambda: fake.connections == 2 and to_fake.connected)
    assert await to_fake.ping()


async def test_an_info_line_during_and_after_the_greeting_is_taken_in() -> None:
    async with FakeNats() as fake:
        fake.before_pong = b'INFO {"max_payload": 2000}\r\n'
        connection = await connect(fake.url, name="test")
        fake.before_pong = b""
        fake.send(b'INFO {"max_payload": 1000, "connect_urls": ["127.0.0.1:1"]}\r\n')
        await eventually(lambda: connection.max_payload == 1000)
        with pytest.raises(PayloadTooLarge):
            connection.publish("a", b"x" * 1001)
        await connection.close()


async def test_an_error_line_is_logged_and_ends_nothing(
    fake: FakeNats, to_fake: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    fake.send(b"-ERR 'Permissions Violation for Publish to \"x\"'\r\n")
    await eventually(lambda: "Permissions Violation" in caplog.text)
    assert to_fake.connected
    assert await to_fake.ping()


async def test_a_server_that_does_not_read_makes_publishing_fail_instead_of_filling_memory(
    fake: FakeNats, to_fake: Connection
) -> None:
    fake.reading.clear()
    block = b"x" * 1_000_000

    async def fill() -> None:
        for _ in range(3 * WRITE_LIMIT // len(block)):
            to_fake.publish("a", block)
            await asyncio.sleep(0)

    with pytest.raises(Disconnected):
        await fill()
    fake.reading.set()
    await eventually(lambda: to_fake.connected)


async def test_a_server_that_goes_silent_is_left(fake: FakeNats) -> None:
    connection = await connect(fake.url, name="test", ping_interval=0.05)
    lost = asyncio.Event()
    connection.on_disconnect(lost.set)
    fake.reading.clear()
    async with asyncio.timeout(5):
        await lost.wait()
    fake.reading.set()
    await eventually(lambda: connection.connected)
    await connection.close()


async def test_many_messages_at_once_leave_room_for_others(connection: Connection, namespace: str) -> None:
    sent = 20 * BURST
    seen = 0
    turns = 0

    def handle(arrival: Arrival) -> None:
        nonlocal seen
        seen += 1

    await connection.subscribe(namespace, handle)
    for _ in range(sent):
        connection.publish(namespace, b"x")
    while seen < sent:
        turns += 1
        await asyncio.sleep(0)
    assert turns >= sent // BURST


async def test_a_payload_of_any_bytes_up_to_the_limit_comes_through(connection: Connection, namespace: str) -> None:
    await connection.subscribe(namespace, lambda arrival: connection.respond(arrival.reply, arrival.data))
    data = bytes(range(256)) * (connection.max_payload // 256)
    assert (await connection.request(namespace, data, timeout=5)).data == data
    with pytest.raises(PayloadTooLarge) as refused:
        await connection.request(namespace, data, {"A": "b"}, timeout=5)
    assert refused.value.extra["limit"] == connection.max_payload


@pytest.mark.parametrize("subject", ["", "a b", "a\r\nPUB x 0", "a\tb", "a\x00b"])
async def test_a_subject_cannot_carry_a_command(connection: Connection, subject: str) -> None:
    with pytest.raises(Invalid):
        connection.publish(subject, b"")
    with pytest.raises(Invalid):
        connection.listen(subject, lambda arrival: None)
    if subject:
        with pytest.raises(Invalid):
            connection.publish("a", b"", reply=subject)


async def test_who_wants_to_know_of_a_new_connection_hears_it_before_anybody_can_use_it(
    fake: FakeNats, to_fake: Connection
) -> None:
    """Else somebody could take for true what was learned before the break, and the server has the subscriptions first."""
    events: list[str] = []
    to_fake.listen("lasting", lambda arrival: None)

    def back() -> None:
        events.append("back")
        to_fake.publish("from.callback", b"")

    to_fake.on_reconnect(back)

    async def use() -> None:
        await to_fake.wait_connected(10)
        events.append("used")
        to_fake.publish("from.user", b"")

    await to_fake.ping()
    fake.drop()
    await eventually(lambda: not to_fake.connected)
    await use()
    assert events == ["back", "used"]
    await eventually(lambda: b"PUB from.user" in fake.received)
    sent = bytes(fake.received)
    assert sent.index(b"SUB lasting") < sent.index(b"PUB from.callback") < sent.index(b"PUB from.user")


async def test_a_killed_server_comes_back_and_its_subscriptions_work(nats_server: NatsServer) -> None:
    connection = await connect(nats_server.url, name="test")
    await connection.subscribe("echo", lambda arrival: connection.respond(arrival.reply, arrival.data))
    before = connection.server
    back = asyncio.Event()
    connection.on_reconnect(back.set)
    await nats_server.kill()
    await eventually(lambda: not connection.connected)
    assert connection.server == ""
    await nats_server.start()
    async with asyncio.timeout(10):
        await back.wait()
    assert connection.server not in ("", before)
    assert (await connection.request("echo", b"again", timeout=5)).data == b"again"
    await connection.close()


async def test_a_frozen_connection_closes_in_bounded_time(world: JetStreamWorld) -> None:
    jetstream = await world.connect()
    relay = world.relay(jetstream.bus)
    relay.freeze()
    for _ in range(20):
        jetstream.bus.publish("a", b"x" * 1_000_000)
    await asyncio.sleep(0)
    async with asyncio.timeout(6):
        await jetstream.connection.close()
    relay.thaw()


async def test_closing_ends_requests_and_a_second_close_does_nothing(connection: Connection) -> None:
    listener = await connection.subscribe("silent.>", lambda arrival: None)
    request = asyncio.create_task(connection.request("silent.a", b"", timeout=30))
    await asyncio.sleep(0)
    await connection.close()
    with pytest.raises(NoReply):
        await request
    await connection.close()
    await listener.unsubscribe()
    with pytest.raises(Disconnected):
        connection.publish("a", b"")
