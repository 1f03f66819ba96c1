"""What every registry does: the sentences of `natya.ports.lease`, each adapter alike."""

from __future__ import annotations

import asyncio

import pytest

from natya.ports.lease import Entry, LeaseUnknown, RevisionConflict
from support.world import World, eventually


class Seen(list[Entry]):
    """A watcher's callback that keeps what it is told."""

    def __call__(self, entry: Entry) -> None:
        self.append(entry)

    def newest(self, key: str) -> Entry | None:
        return next((entry for entry in reversed(self) if entry.key == key), None)

    def values(self, key: str) -> list[bytes | None]:
        return [entry.value for entry in self if entry.key == key]


class TestWriting:
    async def test_a_key_that_never_was_has_no_entry(self, world: World) -> None:
        assert await world.registry.get("owner.shop.0") is None

    async def test_what_was_put_is_there_with_its_revision(self, world: World) -> None:
        revision = await world.registry.put("owner.shop.0", b'{"a": "\xc3\xa9"}\r\n')
        assert await world.registry.get("owner.shop.0") == Entry("owner.shop.0", b'{"a": "\xc3\xa9"}\r\n', revision)

    async def test_an_empty_value_is_a_value(self, world: World) -> None:
        revision = await world.registry.put("a", b"")
        assert await world.registry.get("a") == Entry("a", b"", revision)

    async def test_revisions_grow_over_all_keys(self, world: World) -> None:
        revisions = [await world.registry.put(key, b"") for key in ("a", "b", "a", "c", "a")]
        assert revisions == sorted(set(revisions))

    async def test_expecting_nothing_in_particular_writes_whatever_is_there(self, world: World) -> None:
        await world.registry.put("a", b"1")
        revision = await world.registry.put("a", b"2")
        assert await world.registry.get("a") == Entry("a", b"2", revision)

    async def test_expected_0_creates_and_does_not_replace(self, world: World) -> None:
        await world.registry.put("other", b"")
        revision = await world.registry.put("a", b"1", expected=0)
        with pytest.raises(RevisionConflict):
            await world.registry.put("a", b"2", expected=0)
        assert await world.registry.get("a") == Entry("a", b"1", revision)

    async def test_only_the_present_revision_may_be_replaced(self, world: World) -> None:
        first = await world.registry.put("a", b"1", expected=0)
        second = await world.registry.put("a", b"2", expected=first)
        for expected in (first, second + 1):
            with pytest.raises(RevisionConflict):
                await world.registry.put("a", b"3", expected=expected)
        with pytest.raises(RevisionConflict):
            await world.registry.put("never_was", b"3", expected=second)
        assert await world.registry.get("a") == Entry("a", b"2", second)
        assert await world.registry.get("never_was") is None

    async def test_of_many_that_create_at_once_one_wins(self, world: World) -> None:
        outcomes = await asyncio.gather(
            *(world.registry.put("a", str(n).encode(), expected=0) for n in range(5)), return_exceptions=True
        )
        assert sum(isinstance(outcome, RevisionConflict) for outcome in outcomes) == 4
        [won] = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, int)]
        entry = await world.registry.get("a")
        assert entry
        assert entry.value == str(won).encode()


async def test_a_key_with_a_time_to_live_ends_is_told_and_may_be_made_again(world: World) -> None:
    """One story, because on a real server every end takes its seconds."""
    seen = Seen()
    watch = await world.registry.watch(seen)
    stays = await world.registry.put("stays", b"for ever", expected=0)
    first = await world.registry.put("ends", b"1", expected=0, ttl=1)
    renewed = await world.registry.put("renewed", b"1", expected=0, ttl=1)
    renewed = await world.registry.put("renewed", b"2", expected=renewed, ttl=60)
    freed = await world.registry.put("freed", b"1", expected=0, ttl=1)
    freed = await world.registry.put("freed", b"2", expected=freed)
    assert await world.registry.get("ends") == Entry("ends", b"1", first)

    await world.elapse(1.1)
    await eventually(lambda: None in seen.values("ends"))
    told = seen.newest("ends")
    assert told
    assert told.revision > first
    ended = await world.registry.get("ends")
    assert ended is None or ended.value is None
    assert await world.registry.get("stays") == Entry("stays", b"for ever", stays)
    assert await world.registry.get("renewed") == Entry("renewed", b"2", renewed)
    assert await world.registry.get("freed") == Entry("freed", b"2", freed)

    with pytest.raises(RevisionConflict):
        await world.registry.put("ends", b"by one who thinks it lives", expected=first)
    again = await world.registry.put("ends", b"2", expected=0, ttl=60)
    assert again > told.revision
    assert await world.registry.get("ends") == Entry("ends", b"2", again)
    with pytest.raises(RevisionConflict):
        await world.registry.put("ends", b"3", expected=0)
    await eventually(lambda: seen.newest("ends") == Entry("ends", b"2", again))
    assert seen.values("ends") == [b"1", None, b"2"]
    assert None not in seen.values("renewed") + seen.values("freed") + seen.values("stays")
    await watch.close()


class TestWatching:
    async def test_what_is_there_has_been_told_when_the_watch_begins(self, world: World) -> None:
        await world.registry.put("a", b"old")
        a = await world.registry.put("a", b"new")
        b = await world.registry.put("b", b"1")
        seen = Seen()
        watch = await world.registry.watch(seen)
        assert seen.newest("a") == Entry("a", b"new", a)
        assert seen.newest("b") == Entry("b", b"1", b)
        await watch.close()

    async def test_a_watch_on_an_empty_bucket_begins_too(self, world: World) -> None:
        seen = Seen()
        watch = await asyncio.wait_for(world.registry.watch(seen), 5)
        assert seen == []
        await watch.close()

    async def test_every_change_comes_in_order_of_revision(self, world: World) -> None:
        seen = Seen()
        watch = await world.registry.watch(seen)
        revisions = [await world.registry.put("a", str(n).encode()) for n in range(20)]
        await eventually(lambda: seen.newest("a") == Entry("a", b"19", revisions[-1]))
        told = [entry.revision for entry in seen]
        assert told == sorted(told)
        assert set(told) <= set(revisions)
        await watch.close()

    async def test_a_change_between_others_is_not_missed_when_the_watch_begins_meanwhile(self, world: World) -> None:
        seen = Seen()
        watching = asyncio.create_task(world.registry.watch(seen))
        revisions = await asyncio.gather(*(world.registry.put(f"k{n}", b"1") for n in range(20)))
        watch = await watching
        await eventually(lambda: {entry.key for entry in seen} == {f"k{n}" for n in range(20)})
        assert {entry.revision for entry in seen} == set(revisions)
        await watch.close()

    async def test_two_watches_are_both_told(self, world: World) -> None:
        one, two = Seen(), Seen()
        watches = [await world.registry.watch(one), await world.registry.watch(two)]
        await world.registry.put("a", b"1")
        await eventually(lambda: one.newest("a") and two.newest("a"))
        for watch in watches:
            await watch.close()

    async def test_a_closed_watch_is_told_nothing_and_closing_twice_is_no_error(self, world: World) -> None:
        closed, open_ = Seen(), Seen()
        first, second = await world.registry.watch(closed), await world.registry.watch(open_)
        await first.close()
        await first.close()
        await world.registry.put("a", b"1")
        await eventually(lambda: open_.newest("a"))
        assert closed == []
        await second.close()


class TestLosingTheConnection:
    async def test_without_a_connection_every_answer_is_unknown_and_nothing_is_written_later(self, world: World) -> None:
        await world.cut(world.home)
        with pytest.raises(LeaseUnknown):
            await world.registry.get("a")
        with pytest.raises(LeaseUnknown):
            await world.registry.put("a", b"1", expected=0)
        with pytest.raises(LeaseUnknown):
            await world.registry.watch(Seen())
        await world.restore(world.home)
        assert await world.registry.get("a") is None

    async def test_a_watch_goes_on_after_a_lost_connection(self, world: World) -> None:
        seen = Seen()
        watch = await world.registry.watch(seen)
        await world.registry.put("a", b"before")
        await eventually(lambda: seen.newest("a"))
        await world.cut(world.home)
        await world.restore(world.home)
        revision = await world.registry.put("a", b"after")
        await eventually(lambda: seen.newest("a") == Entry("a", b"after", revision))
        await watch.close()

    async def test_a_watch_makes_good_what_it_missed_while_the_connection_was_lost(self, world: World) -> None:
        seen = Seen()
        watch = await world.registry.watch(seen)
        revision = await world.registry.put("a", b"1", ttl=1)
        await eventually(lambda: seen.newest("a"))
        await world.cut(world.home)
        await world.elapse(2.1)
        assert None not in seen.values("a")
        await world.restore(world.home)
        await eventually(lambda: None in seen.values("a"))
        told = seen.newest("a")
        assert told
        assert told.revision > revision
        await watch.close()
