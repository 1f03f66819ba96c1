"""What every journal does: the sentences of `natya.ports.journal`, each adapter alike."""

from __future__ import annotations

import asyncio

import pytest

from natya.ports.journal import AppendConflict, AppendTooLarge, AppendUnknown, JournalUnavailable, Record
from support.world import World

KIND = "ledger"


async def fill(world: World, partition: int, *bodies: bytes) -> list[int]:
    """Append to a partition from its end; the sequences."""
    last = await world.journal.last(KIND, partition)
    sequence = last.sequence if last else 0
    sequences = []
    for body in bodies:
        sequence = await world.journal.append(KIND, partition, body, expected=sequence)
        sequences.append(sequence)
    return sequences


async def read(world: World, partition: int, start: int, end: int) -> list[Record]:
    return [record async for record in world.journal.read(KIND, partition, start=start, end=end)]


class TestAppending:
    async def test_each_append_follows_the_one_before(self, world: World) -> None:
        await world.make_kind(KIND, 4)
        sequences = await fill(world, 0, b"a", b"b", b"c")
        assert sequences == sorted(set(sequences))
        last = await world.journal.last(KIND, 0)
        assert last
        assert (last.sequence, last.data) == (sequences[-1], b"c")

    async def test_an_append_behind_another_sequence_is_a_conflict_and_stores_nothing(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        first, second = await fill(world, 0, b"a", b"b")
        for expected in (0, first, second + 1):
            with pytest.raises(AppendConflict):
                await world.journal.append(KIND, 0, b"intruder", expected=expected)
        assert [record.data for record in await read(world, 0, 1, second)] == [b"a", b"b"]

    async def test_an_empty_journal_takes_expected_0_only(self, world: World) -> None:
        await world.make_kind(KIND, 8)
        await fill(world, 0, b"of another partition in the same stream")
        with pytest.raises(AppendConflict):
            await world.journal.append(KIND, 4, b"x", expected=1)
        assert await world.journal.append(KIND, 4, b"x", expected=0) > 0

    async def test_of_many_at_once_with_the_same_expectation_one_wins(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        outcomes = await asyncio.gather(
            *(world.journal.append(KIND, 0, str(n).encode(), expected=0) for n in range(5)), return_exceptions=True
        )
        [won] = [outcome for outcome in outcomes if isinstance(outcome, int)]
        assert sum(isinstance(outcome, AppendConflict) for outcome in outcomes) == 4
        last = await world.journal.last(KIND, 0)
        assert last
        assert last.sequence == won

    async def test_partitions_do_not_see_each_other(self, world: World) -> None:
        await world.make_kind(KIND, 8)
        a, b = await fill(world, 0, b"0a", b"0b"), await fill(world, 4, b"4a")
        a += await fill(world, 0, b"0c")
        assert a[1] < b[0] < a[2], "two partitions of one stream share its sequences"
        assert [record.data for record in await read(world, 0, 1, a[2])] == [b"0a", b"0b", b"0c"]
        assert [record.data for record in await read(world, 4, 1, b[0])] == [b"4a"]

    async def test_a_batch_over_the_limit_is_refused_with_the_limit_and_the_next_goes_on(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        with pytest.raises(AppendTooLarge) as refused:
            await world.journal.append(KIND, 0, b"x" * (world.home.max_payload + 1), expected=0)
        assert 0 < refused.value.limit <= world.home.max_payload
        assert await world.journal.append(KIND, 0, b"small", expected=0) > 0

    async def test_without_a_connection_it_is_unknown_and_not_done_later(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        await world.cut(world.home)
        with pytest.raises(AppendUnknown):
            await world.journal.append(KIND, 0, b"x", expected=0)
        await world.restore(world.home)
        assert await world.journal.last(KIND, 0) is None


class TestReading:
    async def test_an_empty_journal_has_no_last_record(self, world: World) -> None:
        await world.make_kind(KIND, 8)
        await fill(world, 0, b"of another partition in the same stream")
        assert await world.journal.last(KIND, 4) is None

    async def test_a_record_has_bytes_and_time_as_stored(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        body = b'{"a":"\xc3\xa9"}\x00\xff\r\n'
        [sequence] = await fill(world, 0, body)
        record = await world.journal.at(KIND, 0, sequence)
        assert record == await world.journal.last(KIND, 0)
        assert record
        assert record.data == body
        assert abs(record.time - world.clock.now_ms()) < 60_000

    async def test_at_finds_that_very_sequence_of_that_very_partition(self, world: World) -> None:
        await world.make_kind(KIND, 8)
        [a] = await fill(world, 0, b"a")
        [b] = await fill(world, 4, b"b")
        found = await world.journal.at(KIND, 0, a)
        assert found
        assert (found.sequence, found.data) == (a, b"a")
        assert await world.journal.at(KIND, 0, b) is None
        assert await world.journal.at(KIND, 0, b + 1) is None

    async def test_a_read_has_both_its_ends_and_nothing_beyond(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        s = await fill(world, 0, *(str(n).encode() for n in range(6)))
        assert [record.sequence for record in await read(world, 0, s[1], s[3])] == s[1:4]
        assert [record.sequence for record in await read(world, 0, s[2], s[2])] == [s[2]]
        assert [record.sequence for record in await read(world, 0, 1, s[5])] == s

    async def test_a_read_that_starts_behind_its_end_is_empty(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        s = await fill(world, 0, b"a", b"b")
        assert await read(world, 0, s[1] + 1, s[1]) == []

    async def test_a_read_crosses_the_gaps_that_other_partitions_leave(self, world: World) -> None:
        await world.make_kind(KIND, 8)
        mine: list[int] = []
        for n in range(5):
            mine += await fill(world, 0, f"mine {n}".encode())
            await fill(world, 4, *[b"other"] * 3)
        records = await read(world, 0, mine[0] + 1, mine[-1])
        assert [record.sequence for record in records] == mine[1:]
        assert [record.data for record in records] == [f"mine {n}".encode() for n in range(1, 5)]

    async def test_a_long_read_is_complete_and_in_order(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        s = await fill(world, 0, *(str(n).encode() for n in range(700)))
        assert [record.data for record in await read(world, 0, 1, s[-1])] == [str(n).encode() for n in range(700)]

    async def test_a_read_may_be_left_in_the_middle(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        s = await fill(world, 0, *(str(n).encode() for n in range(10)))
        async for record in world.journal.read(KIND, 0, start=1, end=s[-1]):
            if record.sequence == s[3]:
                break
        assert len(await read(world, 0, 1, s[-1])) == 10

    async def test_without_a_connection_reads_are_unavailable(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        [s] = await fill(world, 0, b"a")
        await world.cut(world.home)
        with pytest.raises(JournalUnavailable):
            await world.journal.last(KIND, 0)
        with pytest.raises(JournalUnavailable):
            await world.journal.at(KIND, 0, s)
        with pytest.raises(JournalUnavailable):
            await read(world, 0, 1, s)
        with pytest.raises(JournalUnavailable):
            await world.journal.trim(KIND, 0, before=s)
        await world.restore(world.home)
        assert len(await read(world, 0, 1, s)) == 1


class TestTrimming:
    async def test_it_forgets_what_is_before_and_nothing_else(self, world: World) -> None:
        await world.make_kind(KIND, 8)
        mine = await fill(world, 0, b"a", b"b", b"c", b"d")
        others = await fill(world, 4, b"x", b"y")
        await world.journal.trim(KIND, 0, before=mine[2])
        assert [record.data for record in await read(world, 0, 1, mine[3])] == [b"c", b"d"]
        assert await world.journal.at(KIND, 0, mine[0]) is None
        assert [record.data for record in await read(world, 4, 1, others[1])] == [b"x", b"y"]

    async def test_the_last_record_stays_whatever_is_asked(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        sequences = await fill(world, 0, b"a", b"b", b"c")
        await world.journal.trim(KIND, 0, before=sequences[-1] + 100)
        last = await world.journal.last(KIND, 0)
        assert last
        assert (last.sequence, last.data) == (sequences[-1], b"c")
        with pytest.raises(AppendConflict):
            await world.journal.append(KIND, 0, b"x", expected=0)
        assert await world.journal.append(KIND, 0, b"d", expected=sequences[-1]) == sequences[-1] + 1

    async def test_an_empty_journal_and_an_early_bound_are_no_errors(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        await world.journal.trim(KIND, 0, before=10)
        [a] = await fill(world, 0, b"a")
        await world.journal.trim(KIND, 0, before=0)
        await world.journal.trim(KIND, 0, before=a)
        assert len(await read(world, 0, 1, a)) == 1
