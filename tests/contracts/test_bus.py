"""What every bus does: the sentences of `natya.ports.bus`, each adapter alike."""

from __future__ import annotations

import asyncio

import pytest

from natya.message import Delivery
from natya.ports.bus import Bus, Disconnected, NoReply, NoResponders, PayloadTooLarge
from support.world import World, eventually


class Inbox(list[Delivery]):
    """A handler that keeps what it is given."""

    def __call__(self, delivery: Delivery) -> None:
        self.append(delivery)

    @property
    def bodies(self) -> list[bytes]:
        return [delivery.data for delivery in self]


def echo(bus: Bus) -> Inbox:
    """A handler on ``bus`` that answers with the body, and keeps what it answered."""

    class Echo(Inbox):
        def __call__(self, delivery: Delivery) -> None:
            self.append(delivery)
            bus.respond(delivery.reply, delivery.data)

    return Echo()


class TestPublishing:
    async def test_a_message_reaches_every_subscription_that_matches_and_no_other(self, world: World) -> None:
        a, b, sender = await world.bus(), await world.bus(), await world.bus()
        exact, star, tail, other = Inbox(), Inbox(), Inbox(), Inbox()
        await a.subscribe("x.one.two", exact)
        await a.subscribe("x.*.two", star)
        await b.subscribe("x.>", tail)
        await b.subscribe("x.one", other)
        await b.subscribe("x.one.two.three", other)
        sender.publish("x.one.two", b"hello")
        await eventually(lambda: exact and star and tail)
        assert exact.bodies == star.bodies == tail.bodies == [b"hello"]
        assert exact[0].subject == "x.one.two"
        assert other == []

    async def test_the_tail_wildcard_needs_at_least_one_token(self, world: World) -> None:
        bus = await world.bus()
        below, end = Inbox(), Inbox()
        await bus.subscribe("x.>", below)
        await bus.subscribe("end", end)
        bus.publish("x", b"above")
        bus.publish("x.y", b"below")
        bus.publish("end", b"")
        await eventually(lambda: end)
        assert below.bodies == [b"below"]

    async def test_messages_of_one_connection_arrive_in_the_order_sent(self, world: World) -> None:
        sender, receiver = await world.bus(), await world.bus()
        inbox = Inbox()
        await receiver.subscribe("x.*", inbox)
        for n in range(500):
            sender.publish(f"x.{n % 3}", str(n).encode())
        await eventually(lambda: len(inbox) == 500)
        assert inbox.bodies == [str(n).encode() for n in range(500)]

    async def test_a_publish_never_calls_a_handler_before_it_returns(self, world: World) -> None:
        bus = await world.bus()
        inbox = Inbox()
        await bus.subscribe("x", inbox)
        bus.publish("x", b"")
        assert inbox == []
        await eventually(lambda: inbox)

    async def test_headers_and_reply_arrive_as_they_were_sent(self, world: World) -> None:
        bus = await world.bus()
        inbox = Inbox()
        await bus.subscribe("x", inbox)
        headers = {"Natya-Id": "a-1", "traceparent": "00-4bf9-00f0-01", "Natya-Caller": "zoë", "X-Colons": "a: b: c"}
        bus.publish("x", b"\x00\xff\r\n", headers, reply="answers.here")
        bus.publish("x", b"")
        await eventually(lambda: len(inbox) == 2)
        assert dict(inbox[0].headers) == headers
        assert inbox[0].reply == "answers.here"
        assert inbox[0].data == b"\x00\xff\r\n"
        assert (dict(inbox[1].headers), inbox[1].reply, inbox[1].data) == ({}, "", b"")

    async def test_a_handler_that_raises_does_not_stop_what_follows(self, world: World) -> None:
        bus = await world.bus()
        seen = Inbox()

        def handler(delivery: Delivery) -> None:
            seen(delivery)
            if delivery.data == b"bad":
                raise ValueError("a bug in a handler")

        await bus.subscribe("x", handler)
        logged: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: logged.append(context))
        bus.publish("x", b"bad")
        bus.publish("x", b"good")
        await eventually(lambda: len(seen) == 2)

    async def test_a_payload_over_the_limit_is_refused_before_sending(self, world: World) -> None:
        bus = await world.bus()
        inbox = Inbox()
        await bus.subscribe("x", inbox)
        bus.publish("x", b"a" * bus.max_payload)
        with pytest.raises(PayloadTooLarge):
            bus.publish("x", b"b" * (bus.max_payload + 1))
        with pytest.raises(PayloadTooLarge):
            bus.publish("x", b"c" * bus.max_payload, {"headers": "count"})
        with pytest.raises(PayloadTooLarge):
            await bus.request("x", b"d" * (bus.max_payload + 1), timeout=1)
        bus.publish("x", b"end")
        await eventually(lambda: len(inbox) == 2)
        assert [body[:1] for body in inbox.bodies] == [b"a", b"e"]
        assert bus.connected


class TestQueueGroups:
    async def test_a_group_shares_and_each_message_goes_to_one_member(self, world: World) -> None:
        sender = await world.bus()
        members = [Inbox() for _ in range(3)]
        for member in members:
            await (await world.bus()).subscribe("work", member, queue="crew")
        for n in range(90):
            sender.publish("work", str(n).encode())
        await eventually(lambda: sum(map(len, members)) == 90)
        assert sorted(body for member in members for body in member.bodies) == sorted(str(n).encode() for n in range(90))
        assert all(member for member in members), "one of three members got nothing of 90 messages"

    async def test_every_group_and_every_plain_subscription_gets_its_own(self, world: World) -> None:
        bus = await world.bus()
        red, blue, plain = Inbox(), Inbox(), Inbox()
        await bus.subscribe("work", red, queue="red")
        await bus.subscribe("work", blue, queue="blue")
        await bus.subscribe("work", plain)
        bus.publish("work", b"1")
        await eventually(lambda: red and blue and plain)
        assert red.bodies == blue.bodies == plain.bodies == [b"1"]

    async def test_a_member_that_left_gets_nothing_and_the_others_get_all(self, world: World) -> None:
        stays, leaves, sender = await world.bus(), await world.bus(), await world.bus()
        staying, leaving = echo(stays), echo(leaves)
        await stays.subscribe("work", staying, queue="crew")
        subscription = await leaves.subscribe("work", leaving, queue="crew")
        await subscription.unsubscribe()
        for n in range(20):
            assert (await sender.request("work", str(n).encode(), timeout=5)).data == str(n).encode()
        assert (len(staying), len(leaving)) == (20, 0)


class TestRequests:
    async def test_a_request_gets_its_own_reply(self, world: World) -> None:
        server, client = await world.bus(), await world.bus()
        await server.subscribe("echo", echo(server))
        replies = await asyncio.gather(*(client.request("echo", str(n).encode(), timeout=5) for n in range(50)))
        assert [reply.data for reply in replies] == [str(n).encode() for n in range(50)]

    async def test_a_reply_carries_headers(self, world: World) -> None:
        bus = await world.bus()
        await bus.subscribe("x", lambda d: bus.respond(d.reply, b"no", {"Nats-Service-Error": "moved"}))
        reply = await bus.request("x", b"", {"Natya-Id": "1"}, timeout=5)
        assert (reply.data, dict(reply.headers)) == (b"no", {"Nats-Service-Error": "moved"})

    async def test_a_request_that_nobody_subscribes_to_has_no_responders(self, world: World) -> None:
        bus = await world.bus()
        with pytest.raises(NoResponders):
            await bus.request("nobody.here", b"", timeout=5)

    async def test_a_request_without_a_reply_in_time_is_unknown(self, world: World) -> None:
        bus = await world.bus()
        silent = Inbox()
        await bus.subscribe("x", silent)
        request = asyncio.create_task(bus.request("x", b"", timeout=0.1))
        await eventually(lambda: silent)
        await world.elapse(0.2)
        with pytest.raises(NoReply):
            await request

    async def test_a_reply_after_the_time_out_disturbs_nobody(self, world: World) -> None:
        bus = await world.bus()
        asked = Inbox()
        await bus.subscribe("x", asked)
        request = asyncio.create_task(bus.request("x", b"", timeout=0.05))
        await eventually(lambda: asked)
        await world.elapse(0.1)
        with pytest.raises(NoReply):
            await request
        second = asyncio.create_task(bus.request("x", b"", timeout=5))
        await eventually(lambda: len(asked) == 2)
        bus.respond(asked[0].reply, b"late")
        bus.respond(asked[1].reply, b"right")
        assert (await second).data == b"right"

    async def test_an_answer_that_is_too_large_becomes_a_problem(self, world: World) -> None:
        bus = await world.bus()
        await bus.subscribe("x", lambda d: bus.respond(d.reply, b"a" * (bus.max_payload + 1)))
        reply = await bus.request("x", b"", timeout=5)
        assert reply.headers["Nats-Service-Error"] == "too_large"
        assert reply.headers["Nats-Service-Error-Code"] == "413"

    async def test_an_answer_to_nobody_is_no_error(self, world: World) -> None:
        bus = await world.bus()
        bus.respond("", b"to a message that was no request")


class TestSubscriptions:
    async def test_what_anyone_publishes_after_subscribe_is_delivered(self, world: World) -> None:
        receiver, sender = await world.bus(), await world.bus()
        for n in range(30):
            inbox = Inbox()
            await receiver.subscribe(f"x.{n}", inbox)
            sender.publish(f"x.{n}", b"")
            await eventually(inbox.__len__)

    async def test_after_unsubscribe_everything_sent_before_was_handed_over_and_nothing_comes(self, world: World) -> None:
        receiver, sender = await world.bus(), await world.bus()
        for _ in range(10):
            inbox = Inbox()
            subscription = await receiver.subscribe("x", inbox)
            for n in range(100):
                sender.publish("x", str(n).encode())
            await sender.subscribe("flushed", Inbox())  # a barrier: the server has what was sent
            await subscription.unsubscribe()
            assert len(inbox) == 100
            sender.publish("x", b"too late")
            with pytest.raises(NoResponders):
                await sender.request("x", b"", timeout=5)
            assert len(inbox) == 100

    async def test_unsubscribing_twice_is_no_error(self, world: World) -> None:
        bus = await world.bus()
        inbox = Inbox()
        first = await bus.subscribe("x", Inbox())
        await bus.subscribe("x", inbox)
        await first.unsubscribe()
        await first.unsubscribe()
        bus.publish("x", b"1")
        await eventually(lambda: inbox)


class TestLosingTheConnection:
    async def test_publishing_while_disconnected_is_refused_and_never_arrives_later(self, world: World) -> None:
        sender, receiver = await world.bus(), await world.bus()
        inbox = Inbox()
        await receiver.subscribe("x", inbox)
        await world.cut(sender)
        assert not sender.connected
        assert sender.server == ""
        with pytest.raises(Disconnected):
            sender.publish("x", b"lost")
        with pytest.raises(Disconnected):
            await sender.request("x", b"lost", timeout=5)
        with pytest.raises(Disconnected):
            await sender.store("x", b"lost", timeout=5)
        sender.respond("x", b"lost, and says nothing")
        await world.restore(sender)
        assert sender.connected
        assert sender.server != ""
        sender.publish("x", b"kept")
        await eventually(lambda: inbox)
        assert inbox.bodies == [b"kept"]

    async def test_a_request_that_waits_is_unknown_at_once_when_the_connection_breaks(self, world: World) -> None:
        client, server = await world.bus(), await world.bus()
        silent = Inbox()
        await server.subscribe("x", silent)
        request = asyncio.create_task(client.request("x", b"", timeout=60))
        await eventually(lambda: silent)
        await world.cut(client)
        with pytest.raises(NoReply):
            await asyncio.wait_for(request, 5)

    async def test_the_bus_calls_back_on_loss_first_and_on_return_with_its_subscriptions(self, world: World) -> None:
        bus, sender = await world.bus(), await world.bus()
        events: list[str] = []
        inbox = Inbox()
        await bus.subscribe("x", inbox)

        def lost() -> None:
            assert not bus.connected
            events.append("lost")

        def found() -> None:
            assert bus.connected
            events.append("found")

        bus.on_disconnect(lost)
        bus.on_reconnect(found)
        await world.cut(bus)
        await eventually(lambda: events == ["lost"])
        sender.publish("x", b"while away")
        await sender.subscribe("flushed", Inbox())
        await world.restore(bus)
        await eventually(lambda: events == ["lost", "found"])
        sender.publish("x", b"after")
        await eventually(lambda: inbox)
        assert inbox.bodies == [b"after"]

    async def test_an_unsubscribed_subscription_does_not_come_back(self, world: World) -> None:
        bus, sender = await world.bus(), await world.bus()
        kept, dropped, while_away = Inbox(), Inbox(), Inbox()
        await bus.subscribe("x", kept)
        await (await bus.subscribe("x", dropped)).unsubscribe()
        away = await bus.subscribe("x", while_away)
        await world.cut(bus)
        await away.unsubscribe()
        await world.restore(bus)
        sender.publish("x", b"1")
        await eventually(lambda: kept)
        assert dropped == []
        assert while_away == []

    async def test_a_broken_connection_leaves_its_queue_group(self, world: World) -> None:
        lost, other, sender = await world.bus(), await world.bus(), await world.bus()
        taken = echo(other)
        await lost.subscribe("work", Inbox(), queue="crew")
        await world.cut(lost)
        async with asyncio.timeout(10):
            while not await has_no_responders(sender, "work"):
                pass
        await other.subscribe("work", taken, queue="crew")
        for n in range(20):
            assert (await sender.request("work", str(n).encode(), timeout=5)).data == str(n).encode()
        assert len(taken) == 20


async def has_no_responders(bus: Bus, subject: str) -> bool:
    """Whether the server has noticed by now that nobody is there."""
    try:
        await bus.request(subject, b"", timeout=0.05)
    except NoResponders:
        return True
    except NoReply:
        return False
    raise AssertionError("somebody answered")
