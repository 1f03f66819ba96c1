"""What every bus does with messages that a stream takes: the sentences of `natya.ports.bus.Bus.store`."""

from __future__ import annotations

import pytest

from natya.message import MSG_ID, Delivery
from natya.ports.bus import NoResponders, PayloadTooLarge, Refused
from support.world import World, eventually


class TestStore:
    async def test_a_stored_message_gets_the_next_sequence(self, world: World) -> None:
        await world.make_kind("shop", 2)
        subject = world.subjects.tell("shop", "k", "buy")
        sequences = [await world.home.store(subject, b"{}", timeout=5) for _ in range(3)]
        assert sequences == [1, 2, 3]

    async def test_a_known_message_id_is_acknowledged_with_the_first_sequence_and_stored_once(self, world: World) -> None:
        await world.make_kind("shop", 1)
        subject = world.subjects.tell("shop", "k", "buy")
        first = await world.home.store(subject, b"1", {MSG_ID: "k/1"}, timeout=5)
        other = await world.home.store(subject, b"2", {MSG_ID: "k/2"}, timeout=5)
        again = await world.home.store(subject, b"1", {MSG_ID: "k/1"}, timeout=5)
        assert (first, other, again) == (1, 2, 1)
        letters = await world.mail.of_key("shop", 0, "k", start=1, limit=10)
        assert [letter.body for letter in letters] == [b"1", b"2"]

    async def test_a_subject_that_no_stream_takes_has_no_responders(self, world: World) -> None:
        with pytest.raises(NoResponders):
            await world.home.store(world.subjects.tell("never_made", "k", "buy"), b"{}", timeout=5)

    async def test_a_roll_up_is_refused_and_rolls_nothing_up(self, world: World) -> None:
        await world.make_kind("shop", 1)
        subject = world.subjects.tell("shop", "k", "buy")
        for body in (b"1", b"2"):
            await world.home.store(subject, body, timeout=5)
        for scope in ("all", "sub"):
            with pytest.raises(Refused):
                await world.home.store(subject, b"3", {"Nats-Rollup": scope}, timeout=5)
        letters = await world.mail.of_key("shop", 0, "k", start=1, limit=10)
        assert [letter.body for letter in letters] == [b"1", b"2"]

    async def test_events_and_dead_letters_are_stored(self, world: World) -> None:
        assert await world.home.store(world.subjects.event("shop", "k", "sold"), b"{}", timeout=5) > 0
        assert await world.home.store(world.subjects.dead("shop", "k", "buy"), b"{}", timeout=5) > 0

    async def test_what_is_stored_is_also_delivered_to_who_listens(self, world: World) -> None:
        bus = await world.bus()
        inbox: list[Delivery] = []
        subject = world.subjects.event("shop", "k", "sold")
        await bus.subscribe(subject, inbox.append)
        await world.home.store(subject, b"1", timeout=5)
        await eventually(lambda: inbox)
        assert [delivery.data for delivery in inbox] == [b"1"]

    async def test_a_message_over_the_limit_is_refused_before_sending(self, world: World) -> None:
        await world.make_kind("shop", 1)
        subject = world.subjects.tell("shop", "k", "buy")
        with pytest.raises(PayloadTooLarge):
            await world.home.store(subject, b"a" * (world.home.max_payload + 1), timeout=5)
        assert await world.home.store(subject, b"1", timeout=5) == 1
