"""`natya.runtime.doorway`: what comes is held, let in, sent on or refused, and nothing is dropped or overtaken."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import orjson
import pytest

from natya.errors import Unavailable
from natya.manifest import Definition
from natya.memory import ManualClock, MemoryBroker, MemoryBus, SeededIds
from natya.message import CHAIN, Answer, Delivery, Message, Waiter
from natya.runtime.admission import MOVED
from natya.runtime.doorway import SENT_ON, Call, Doorway, read_sent_on
from support.fake_world import fake_world
from support.ledger import Ledger

LEDGER = Definition.of(Ledger)
LIMIT = 5


class House:
    """A node with a doorway of the ledger's only partition. ``inside`` are the keys let in, each of which is answered with the
    house's name."""

    def __init__(self, broker: MemoryBroker, clock: ManualClock, name: str) -> None:
        self.name = name
        self.bus = MemoryBus(broker, name)
        self.world = fake_world(clock, bus=self.bus, settings={"partition_limit": LIMIT})
        self.doorway = Doorway(self.world, LEDGER, 0)
        self.inside: list[str] = []

    def accept(self, message: Message, waiter: Waiter) -> None:
        self.inside.append(message.token)
        waiter(Answer(orjson.dumps(self.name)))


class Street:
    """Several houses, and somebody who calls."""

    def __init__(self, broker: MemoryBroker, clock: ManualClock) -> None:
        self.broker = broker
        self.clock = clock
        self.caller = MemoryBus(broker, "caller")
        self.heard: dict[str, Answer] = {}

    def house(self, name: str) -> House:
        return House(self.broker, self.clock, name)

    async def listen(self) -> None:
        await self.caller.subscribe("answers.*", self._heard)

    def _heard(self, delivery: Delivery) -> None:
        key = delivery.subject.split(".")[1]
        assert key not in self.heard, "answered twice"
        self.heard[key] = Answer.read(delivery)

    async def call(self, *keys: str, partition: int = 0, headers: dict[str, str] | None = None) -> None:
        """Send a call for each key, one after another."""
        for key in keys:
            self.caller.publish(f"natya.call.ledger.{partition}.{key}.read", b"", headers, f"answers.{key}")
        await self.clock.settle()

    def said(self) -> dict[str, Any]:
        """What each call was answered: the name of a house, or the slug of an error."""
        return {key: answer.slug or orjson.loads(answer.body) for key, answer in self.heard.items()}


@pytest.fixture
async def street() -> AsyncIterator[Street]:
    clock = ManualClock()
    async with MemoryBroker(clock=clock, ids=SeededIds(1), max_payload=4096) as broker:
        found = Street(broker, clock)
        await found.listen()
        yield found


async def test_what_comes_before_anything_is_decided_waits_and_is_let_in_first_in_order(street: Street) -> None:
    house = street.house("here")
    assert not house.doorway.is_open
    await house.doorway.open(1)
    assert house.doorway.is_open
    await street.call("a", "b", "c")
    assert house.inside == []
    house.doorway.let_in(house.accept)
    await street.call("d")
    assert house.inside == ["a", "b", "c", "d"]
    assert street.said() == dict.fromkeys("abcd", "here")


async def test_calls_made_in_turns_are_let_in_while_others_are_held(street: Street) -> None:
    house = street.house("here")
    await house.doorway.open(1)
    house.doorway.let_in(house.accept)
    house.doorway.hold_but_chained()
    await street.call("a")
    await street.call("b", headers={CHAIN: "other/x"})
    assert house.inside == ["b"]
    house.doorway.hold()
    await street.call("c", headers={CHAIN: "other/x"})
    assert house.inside == ["b"]
    house.doorway.let_in(house.accept)
    await street.clock.settle()
    assert house.inside == ["b", "a", "c"]


async def test_what_is_sent_on_is_answered_by_the_successor(street: Street) -> None:
    here, there = street.house("here"), street.house("there")
    await here.doorway.open(1)
    await there.bus.subscribe("natya.node.n2.call", lambda delivery: there.doorway.called(read_sent_on(delivery)))
    here.doorway.let_in(here.accept)
    here.doorway.hold()
    await street.call("a", "b", headers={CHAIN: "other/x"})
    here.doorway.send_on("n2")
    await street.call("c")
    assert street.said() == {}, "the successor holds them in its turn"
    there.doorway.let_in(there.accept)
    await street.clock.settle()
    assert there.inside == ["a", "b", "c"]
    assert here.inside == []
    assert here.doorway.sent_on == 3
    assert street.said() == dict.fromkeys("abc", "there")


async def test_a_call_that_was_sent_on_is_the_same_call(street: Street) -> None:
    here = street.house("here")
    await here.doorway.open(1)
    calls: list[Delivery] = []
    await street.caller.subscribe("natya.node.n2.call", calls.append)
    here.doorway.send_on("n2")
    await street.call("a", headers={"Natya-Id": "m1"})
    (sent,) = calls
    call = read_sent_on(sent)
    assert (call.subject, call.reply, call.data) == ("natya.call.ledger.0.a.read", "answers.a", b"")
    assert call.headers == {"Natya-Id": "m1"}
    assert SENT_ON in sent.headers


async def test_everything_is_refused_also_what_was_held(street: Street) -> None:
    house = street.house("here")
    await house.doorway.open(1)
    await street.call("a")
    house.doorway.refuse(Answer.of(Unavailable("because", retry_after=1)))
    await street.call("b")
    assert street.said() == {"a": "unavailable", "b": "unavailable"}


async def test_too_many_are_told_to_come_again_and_those_before_stay(street: Street) -> None:
    house = street.house("here")
    await house.doorway.open(1)
    keys = [f"k{number}" for number in range(LIMIT + 2)]
    await street.call(*keys)
    assert street.said() == dict.fromkeys(keys[LIMIT:], "overloaded")
    house.doorway.let_in(house.accept)
    await street.clock.settle()
    assert house.inside == keys[:LIMIT]


async def test_a_call_that_is_none_of_this_partition_is_answered_at_the_door(street: Street) -> None:
    house = street.house("here")
    house.doorway.let_in(house.accept)
    await house.bus.subscribe("natya.call.ledger.>", house.doorway.called)
    await street.call("a", partition=7)
    await street.call("b", headers={"Natya-Id": "m1"})
    assert street.said() == {"a": "invalid", "b": "invalid"}
    assert house.inside == []


async def test_two_in_the_same_group_share_the_calls_and_two_groups_each_have_all(street: Street) -> None:
    one, two, three = (street.house(name) for name in ("one", "two", "three"))
    for house, group in ((one, 4), (two, 4), (three, 5)):
        await house.doorway.open(group)
        house.doorway.let_in(partial(_silent, house))
    keys = [f"k{number}" for number in range(40)]
    await street.call(*keys)
    assert sorted(one.inside + two.inside) == sorted(keys)
    assert one.inside
    assert two.inside
    assert three.inside == keys


def _silent(house: House, message: Message, waiter: Waiter) -> None:
    house.inside.append(message.token)


async def test_when_it_is_closed_what_was_on_its_way_has_come(street: Street) -> None:
    house = street.house("here")
    await house.doorway.open(1)
    house.doorway.let_in(house.accept)
    for key in "abc":
        street.caller.publish(f"natya.call.ledger.0.{key}.read", b"", {}, f"answers.{key}")
    await house.doorway.close()
    assert house.inside == ["a", "b", "c"]
    assert not house.doorway.is_open
    await street.call("d")
    assert house.inside == ["a", "b", "c"]
    await house.doorway.close()


async def test_closing_while_disconnected_is_no_error(street: Street) -> None:
    house = street.house("here")
    await house.doorway.open(1)
    house.bus.disconnect()
    await house.doorway.close()
    assert not house.doorway.is_open


async def test_what_cannot_be_sent_on_is_repeated_by_its_caller(street: Street) -> None:
    """Too large with one more header: it is told so. Not connected: nothing can be told."""
    house = street.house("here")
    await house.doorway.open(1)
    house.doorway.send_on("n2")
    street.caller.publish("natya.call.ledger.0.a.read", b"x" * 4090, {}, "answers.a")
    await street.clock.settle()
    assert street.said() == {"a": MOVED.slug}
    house.bus.disconnect()
    house.doorway.called(Call("natya.call.ledger.0.b.read", "answers.b", {}, b""))
    assert house.doorway.sent_on == 0
