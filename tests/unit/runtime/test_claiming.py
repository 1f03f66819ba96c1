"""`natya.runtime.claiming`: the owner key and the fence, each won by one and only from what was seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from natya.memory import ManualClock, MemoryBroker, MemoryBus, MemoryJournal, MemoryRegistry, SeededIds
from natya.runtime.batch import Header, Position, decode, encode
from natya.runtime.claiming import ClaimLost, claim, owner_key, release_key, succeed
from natya.runtime.offer import Offer
from natya.runtime.view import Owner, View
from natya.runtime.world import World
from support.fake_world import fake_world
from support.trouble import Trouble

KIND, NUMBER = "account", 3


@dataclass
class Place:
    """One partition's key and journal, and a node that wants it."""

    broker: MemoryBroker
    clock: ManualClock
    trouble: Trouble
    world: World

    def owner(self) -> Owner | None:
        """What the key says."""
        entry = self.broker.bucket("natya_cluster").get(owner_key(KIND, NUMBER))
        if entry is None:
            return None
        view = View(self.clock)
        view.apply(entry)
        return view.owners[KIND, NUMBER]

    async def last(self) -> Header:
        record = await self.world.journal.last(KIND, NUMBER)
        assert record is not None
        return decode(record.data).header

    async def offer(self) -> Offer:
        """What the present owner would offer."""
        owner = self.owner()
        record = await self.world.journal.last(KIND, NUMBER)
        assert owner is not None
        assert record is not None
        return Offer(
            KIND, NUMBER, owner.revision, owner.group, record.sequence, owner.epoch, owner.schema, 5, 0, "", 0,
            Position(), record.sequence,
        )  # fmt: skip

    async def append(self) -> None:
        """The owner goes on."""
        record = await self.world.journal.last(KIND, NUMBER)
        assert record is not None
        header = replace(decode(record.data).header, batch="more", fence=False, after=record.sequence)
        await self.world.journal.append(KIND, NUMBER, encode(header), expected=record.sequence)


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    clock, trouble = ManualClock(), Trouble()
    async with MemoryBroker(clock=clock, ids=SeededIds(1), faults=trouble) as broker:
        broker.make_kind(KIND)
        bus = MemoryBus(broker, "n")
        world = fake_world(clock, bus=bus, journal=MemoryJournal(bus), cluster=MemoryRegistry(bus, "natya_cluster"))
        yield Place(broker, clock, trouble, world)


async def test_a_partition_that_was_never_used_is_won_once(place: Place) -> None:
    won = await claim(place.world, "n1", KIND, NUMBER, schema=1, owner=None, forced=False)
    assert (won.epoch, won.group) == (1, 1)
    assert place.owner() == won.owner
    with pytest.raises(ClaimLost, match="another candidate was first"):
        await claim(place.world, "n2", KIND, NUMBER, schema=1, owner=None, forced=False)
    assert (await place.last()).node == "n1"


async def test_a_successor_joins_the_group_and_who_takes_by_force_begins_a_new_one(place: Place) -> None:
    await claim(place.world, "n1", KIND, NUMBER, schema=1, owner=None, forced=False)
    taken = await succeed(place.world, "n2", await place.offer(), schema=1)
    assert (taken.epoch, taken.group) == (2, 1)
    await release_key(place.world, KIND, NUMBER, taken.owner)
    again = await claim(place.world, "n1", KIND, NUMBER, schema=1, owner=place.owner(), forced=False)
    assert (again.epoch, again.group) == (3, 1)
    forced = await claim(place.world, "n3", KIND, NUMBER, schema=1, owner=place.owner(), forced=True)
    assert (forced.epoch, forced.group) == (4, 4)
    assert forced.header.forced


async def test_an_offer_of_which_the_key_has_moved_on_is_refused_and_touches_nothing(place: Place) -> None:
    await claim(place.world, "n1", KIND, NUMBER, schema=1, owner=None, forced=False)
    late = await place.offer()
    other = await claim(place.world, "n3", KIND, NUMBER, schema=1, owner=place.owner(), forced=True)
    with pytest.raises(ClaimLost, match="another candidate was first"):
        await succeed(place.world, "n2", late, schema=1)
    assert place.owner() == other.owner
    assert (await place.last()).node == "n3"


async def test_an_offer_after_which_the_owner_has_gone_on_is_refused_and_the_key_is_free(place: Place) -> None:
    await claim(place.world, "n1", KIND, NUMBER, schema=1, owner=None, forced=False)
    late = await place.offer()
    await place.append()
    with pytest.raises(ClaimLost, match="the owner has gone on"):
        await succeed(place.world, "n2", late, schema=1)
    owner = place.owner()
    assert owner is not None
    assert owner.incarnation == ""
    assert (await place.last()).batch == "more"


async def test_a_fence_goes_behind_whatever_the_old_owner_still_appends(place: Place) -> None:
    """What was read before the key was won is not the last record any more."""
    await claim(place.world, "n1", KIND, NUMBER, schema=1, owner=None, forced=False)
    key = place.trouble.delay_sent("n", "$KV.*", 0.05, times=1)
    owner = place.owner()
    world = place.world
    other = MemoryJournal(MemoryBus(place.broker, "old"))
    claiming = asyncio.create_task(claim(world, "n2", KIND, NUMBER, schema=1, owner=owner, forced=True))
    await place.clock.settle()
    assert key.seen
    record = await other.last(KIND, NUMBER)
    assert record is not None
    header = replace(decode(record.data).header, batch="more", fence=False, after=record.sequence)
    await other.append(KIND, NUMBER, encode(header), expected=record.sequence)
    await place.clock.advance(0.1)
    won = await claiming
    assert won.header.after == record.sequence + 1
    assert (await place.last()).node == "n2"


async def test_an_epoch_is_above_those_of_key_and_journal(place: Place) -> None:
    """The key-value bucket was lost, or the journal restored from an older copy."""
    await claim(place.world, "n1", KIND, NUMBER, schema=1, owner=None, forced=False)
    await claim(place.world, "n2", KIND, NUMBER, schema=1, owner=place.owner(), forced=True)
    place.broker.bucket("natya_cluster")._entries.clear()
    won = await claim(place.world, "n3", KIND, NUMBER, schema=1, owner=None, forced=False)
    assert won.epoch == 3
    owner = Owner("n3", 9, 9, won.revision)
    assert (await claim(place.world, "n1", KIND, NUMBER, schema=1, owner=owner, forced=True)).epoch == 10


async def test_a_key_whose_answer_was_lost_is_recognised(place: Place) -> None:
    place.trouble.lose_delivered("n", f"$KV.natya_cluster.{owner_key(KIND, NUMBER)}", 1)
    claiming = asyncio.create_task(claim(place.world, "n1", KIND, NUMBER, schema=1, owner=None, forced=False))
    await place.clock.advance(2)
    assert (await claiming).owner == place.owner()


async def test_a_key_of_which_it_is_not_known_who_has_it_is_not_had(place: Place) -> None:
    place.trouble.lose_sent("n", "$KV.*", 1)
    claiming = asyncio.create_task(claim(place.world, "n1", KIND, NUMBER, schema=1, owner=None, forced=False))
    await place.clock.advance(2)
    with pytest.raises(ClaimLost, match="it is not known"):
        await claiming
    assert await place.world.journal.last(KIND, NUMBER) is None


async def test_code_that_cannot_read_the_states_tells_the_key_so_and_does_not_fence(place: Place) -> None:
    await claim(place.world, "n1", KIND, NUMBER, schema=2, owner=None, forced=False)
    place.broker.bucket("natya_cluster")._entries.clear()
    with pytest.raises(ClaimLost, match="of schema 2, and this node's code reads up to 1"):
        await claim(place.world, "n2", KIND, NUMBER, schema=1, owner=None, forced=False)
    owner = place.owner()
    assert owner is not None
    assert (owner.incarnation, owner.schema) == ("", 2)
    assert (await place.last()).node == "n1"
    won = await claim(place.world, "n3", KIND, NUMBER, schema=2, owner=owner, forced=False)
    assert won.epoch > owner.epoch


async def test_a_key_that_has_moved_on_is_not_released(place: Place) -> None:
    won = await claim(place.world, "n1", KIND, NUMBER, schema=1, owner=None, forced=False)
    other = await claim(place.world, "n2", KIND, NUMBER, schema=1, owner=won.owner, forced=True)
    await release_key(place.world, KIND, NUMBER, won.owner)
    assert place.owner() == other.owner
    await release_key(place.world, KIND, NUMBER, other.owner)
    assert place.owner() == replace(other.owner, incarnation="", revision=other.revision + 1)
