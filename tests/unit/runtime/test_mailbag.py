"""`natya.runtime.mailbag`: each key in order, no key held up by another, and a position that never says too much."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from natya.memory import ManualClock
from natya.ports.mail import Letter, MailReader, MailUnavailable
from natya.runtime.batch import Position
from natya.runtime.mailbag import Mailbag
from support.fake_world import fake_world


class Post:
    """Stored mail, and an office that takes, refuses or fails letters as told. Implements `Mail` and `MailReader`."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.purged = 0
        self.away = False
        self.delivered: list[tuple[int, int]] = []
        self.refused: set[str] = set()
        self.failing: set[int] = set()
        self.bag: Mailbag
        self._next = 1
        self._more = asyncio.Event()

    def store(self, token: str, count: int = 1) -> None:
        for _ in range(count):
            self.letters.append(Letter(len(self.letters) + 1, token, "write", b"{}", 0))
        self._more.set()

    def deliver(self, letter: Letter, attempt: int) -> bool:
        if letter.token in self.refused:
            return False
        self.delivered.append((letter.sequence, attempt))
        if letter.sequence in self.failing:
            self.failing.discard(letter.sequence)
            self.bag.postpone(letter.token, letter.sequence, 2.0, also=[], failed=True)
        return True

    async def reader(self, kind: str, partition: int, *, start: int) -> MailReader:
        self._next = start
        return self

    async def next(self, limit: int) -> list[Letter]:
        while True:
            if self.away:
                raise MailUnavailable("set to be away")
            if found := [letter for letter in self.letters if letter.sequence >= self._next][:limit]:
                self._next = found[-1].sequence + 1
                return found
            self._more.clear()
            await self._more.wait()

    async def close(self) -> None:
        return

    async def of_key(self, kind: str, partition: int, token: str, *, start: int, limit: int) -> list[Letter]:
        if self.away:
            raise MailUnavailable("set to be away")
        return [letter for letter in self.letters if letter.token == token and letter.sequence >= start][:limit]

    async def purge(self, kind: str, partition: int, *, before: int) -> None:
        self.purged = before


@asynccontextmanager
async def open_bag(
    post: Post, clock: ManualClock, position: Position | None = None, **settings: object
) -> AsyncIterator[Mailbag]:
    world = fake_world(clock, mail=post, settings=dict(settings))
    post.bag = Mailbag(world, "ledger", 0, position or Position(), post.deliver)
    running = asyncio.create_task(post.bag.run())
    await clock.settle()
    try:
        yield post.bag
    finally:
        running.cancel()
        await asyncio.wait({running})


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def sequences(post: Post) -> list[int]:
    return [sequence for sequence, _ in post.delivered]


async def test_the_head_is_what_is_done_without_a_gap(clock: ManualClock) -> None:
    post = Post()
    post.store("a", 3)
    async with open_bag(post, clock) as bag:
        assert sequences(post) == [1, 2, 3]
        assert bag.position() == Position(0)
        bag.done("a", 2)
        assert bag.position() == Position(0)
        bag.done("a", 1)
        assert bag.position() == Position(2)
        bag.done("a", 3)
        assert bag.position() == Position(3)


async def test_a_key_that_is_refused_falls_behind_and_the_others_go_on(clock: ManualClock) -> None:
    post = Post()
    post.refused = {"a"}
    for token in ("a", "b", "a", "b"):
        post.store(token)
    async with open_bag(post, clock) as bag:
        assert sequences(post) == [2, 4]
        bag.done("b", 2)
        bag.done("b", 4)
        assert bag.position() == Position(4, {"a": 1})
        post.refused = set()
        await clock.advance(2)
        assert sequences(post) == [2, 4, 1, 3]
        assert bag.position() == Position(4, {"a": 1}), "handed over is not done"
        bag.done("a", 1)
        assert bag.position() == Position(4, {"a": 2})
        bag.done("a", 3)
        await clock.advance(2)
        assert bag.position() == Position(4)


async def test_a_letter_that_fails_when_it_is_handed_over_stops_those_behind_it(clock: ManualClock) -> None:
    post = Post()
    post.refused = {"a"}
    post.store("a", 6)
    async with open_bag(post, clock) as bag:
        post.refused, post.failing = set(), {3}
        await clock.advance(0.1)
        assert sequences(post) == [1, 2, 3]
        bag.done("a", 1)
        bag.done("a", 2)
        assert bag.position() == Position(6, {"a": 3})
        await clock.advance(1.5)
        assert sequences(post) == [1, 2, 3]
        await clock.advance(1)
        assert post.delivered[3:] == [(3, 2)], "alone, as its second attempt"
        bag.done("a", 3)
        await clock.advance(1)
        assert post.delivered[4:] == [(4, 1), (5, 1), (6, 1)]


async def test_the_position_counts_an_earlier_letter_that_is_not_committed_when_a_later_one_fails(
    clock: ManualClock,
) -> None:
    post = Post()
    post.store("a", 2)
    async with open_bag(post, clock) as bag:
        bag.postpone("a", 2, 2.0, also=[], failed=True)
        assert bag.position() == Position(0, {"a": 1})
        bag.done("a", 1)
        assert bag.position() == Position(2, {"a": 2})


async def test_what_comes_while_a_key_is_behind_is_not_forgotten(clock: ManualClock) -> None:
    post = Post()
    post.store("a", 2)
    async with open_bag(post, clock) as bag:
        bag.postpone("a", 1, 2.0, also=[2], failed=True)
        post.store("a", 2)
        await clock.settle()
        assert bag.position() == Position(4, {"a": 1})
        for expected in (1, 2, 3, 4):
            await clock.advance(3)
            assert sequences(post)[-1] >= expected
            bag.done("a", expected)
        await clock.advance(3)
        assert bag.position() == Position(4)
        assert sequences(post)[2:] == [1, 2, 3, 4]


async def test_the_reader_waits_when_too_many_letters_are_undone(clock: ManualClock) -> None:
    post = Post()
    post.store("a", 30)
    async with open_bag(post, clock, mail_ahead=10) as bag:
        assert len(post.delivered) == 10
        bag.done("a", 1)
        await clock.settle()
        assert len(post.delivered) == 11


async def test_the_reader_waits_when_too_many_keys_are_behind(clock: ManualClock) -> None:
    post = Post()
    post.refused = {f"k{n}" for n in range(30)}
    for n in range(30):
        post.store(f"k{n}")
    async with open_bag(post, clock, behind_limit=10) as bag:
        assert bag.behind == 10, "though one read brought more"
        post.refused = set()
        for _ in range(10):
            await clock.advance(1)
            for sequence in list(sequences(post)):
                bag.done(f"k{sequence - 1}", sequence)
        assert sorted(set(sequences(post))) == list(range(1, 31))


async def test_long_keys_behind_do_not_outgrow_the_record_that_holds_the_position(clock: ManualClock) -> None:
    post = Post()
    tokens = [f"{n:0600}" for n in range(300)]
    post.refused = set(tokens)
    for token in tokens:
        post.store(token)
    async with open_bag(post, clock) as bag:
        assert sum(len(token) + 16 for token in bag.position().behind) < 65 * 1024


async def test_held_mail_is_not_read(clock: ManualClock) -> None:
    post = Post()
    async with open_bag(post, clock) as bag:
        bag.hold(True)
        await clock.settle()
        post.store("a", 2)
        await clock.advance(5)
        assert len(post.delivered) == 0
        bag.hold(False)
        await clock.settle()
        assert len(post.delivered) == 2


async def test_a_position_from_the_journal_is_gone_on_from(clock: ManualClock) -> None:
    post = Post()
    for token in ("a", "b", "a", "b", "c"):
        post.store(token)
    async with open_bag(post, clock, Position(4, {"b": 4})) as bag:
        await clock.settle()
        assert sorted(sequences(post)) == [4, 5]
        assert bag.position() == Position(4, {"b": 4})


async def test_mail_that_cannot_be_read_is_read_later(clock: ManualClock) -> None:
    post = Post()
    post.away = True
    post.store("a", 2)
    async with open_bag(post, clock, Position(1, {"a": 1})) as bag:
        await clock.advance(1)
        assert post.delivered == []
        post.away = False
        await clock.advance(1)
        assert sorted(sequences(post)) == [1, 2]
        assert bag.position().behind == {"a": 1}


async def test_nothing_is_remembered_of_letters_that_are_done(clock: ManualClock) -> None:
    """Also while one slow letter holds the head for ever."""
    post = Post()
    post.store("slow")
    async with open_bag(post, clock) as bag:
        for n in range(50):
            post.refused = {"a"}
            post.store("a")
            await clock.settle()
            post.refused = set()
            await clock.advance(2)
            bag.done("a", n + 2)
            await clock.advance(2)
        assert bag.position() == Position(0)
        assert bag.behind == 0
        assert len(bag._landed) <= len(bag._flights) == len(bag._flying)
        bag.done("slow", 1)
        assert bag.position() == Position(51)
        assert not bag._landed
        assert not bag._flying


async def test_only_what_a_record_says_is_done_is_purged(clock: ManualClock) -> None:
    post = Post()
    async with open_bag(post, clock) as bag:
        await bag.purge(Position(10, {"a": 4}))
        assert post.purged == 4
        await bag.purge(Position(12, {}))
        assert post.purged == 13
