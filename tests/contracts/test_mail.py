"""What every mail does: the sentences of `natya.ports.mail`, each adapter alike."""

from __future__ import annotations

import asyncio

import pytest

from natya.names import encode_key, partition_of
from natya.ports.bus import NoResponders
from natya.ports.mail import Letter, MailReader, MailUnavailable
from support.world import World, eventually

KIND = "shop"
KEYS = ["alice", "bob@example.com", "a.b.c", "größe", "*", ">", "1", "x" * 200, "A-Z_~@:+=", "%2E"]


async def tell(world: World, token: str, *bodies: str) -> list[int]:
    """Send tells to one key, one after the other; their sequences."""
    subject = world.subjects.tell(KIND, token, "buy")
    return [await world.home.store(subject, body.encode(), {"Natya-Id": body}, timeout=5) for body in bodies]


async def take(reader: MailReader, count: int) -> list[Letter]:
    """Read until there are ``count`` letters."""
    letters: list[Letter] = []
    async with asyncio.timeout(10):
        while len(letters) < count:
            letters += await reader.next(count - len(letters))
    return letters


def bodies(letters: list[Letter]) -> list[str]:
    return [letter.body.decode() for letter in letters]


class TestStoring:
    @pytest.mark.parametrize("partitions", [1, 7, 16])
    async def test_a_tell_is_in_the_partition_that_the_library_computes(self, world: World, partitions: int) -> None:
        await world.make_kind(KIND, partitions)
        for key in KEYS:
            token = encode_key(key)
            [sequence] = await tell(world, token, key)
            [letter] = await world.mail.of_key(KIND, partition_of(token, partitions), token, start=1, limit=5)
            assert (letter.sequence, letter.token, letter.method, letter.body) == (sequence, token, "buy", key.encode())

    async def test_a_letter_is_as_it_was_sent_with_the_time_of_storing(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        headers = {"Natya-Id": "i-1", "Natya-Sent": "123", "traceparent": "00-4bf9-00f0-01"}
        await world.home.store(world.subjects.tell(KIND, "k", "sell"), b"\x00\xff\r\n", headers, timeout=5)
        [letter] = await take(await world.mail.reader(KIND, 0, start=1), 1)
        assert (letter.token, letter.method, letter.body) == ("k", "sell", b"\x00\xff\r\n")
        assert headers.items() <= dict(letter.headers).items()
        assert abs(letter.time - world.clock.now_ms()) < 60_000
        assert await world.mail.of_key(KIND, 0, "k", start=1, limit=5) == [letter]

    async def test_a_plain_publish_is_stored_too(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        reader = await world.mail.reader(KIND, 0, start=1)
        world.home.publish(world.subjects.tell(KIND, "k", "buy"), b"{}")
        assert bodies(await take(reader, 1)) == ["{}"]

    @pytest.mark.parametrize("rest", ["a", "a.b.c", "a.b.c.d"])
    async def test_a_malformed_subject_is_not_stored(self, world: World, rest: str) -> None:
        await world.make_kind(KIND, 1)
        with pytest.raises(NoResponders):
            await world.home.store(f"{world.subjects.namespace}.tell.{KIND}.{rest}", b"{}", timeout=5)
        [sequence] = await tell(world, "k", "good")
        assert sequence == 1

    async def test_a_token_that_is_not_canonical_is_kept_as_it_was_spelled(self, world: World) -> None:
        await world.make_kind(KIND, 4)
        await tell(world, "%61lice", "x")
        partition = partition_of("%61lice", 4)
        [letter] = await world.mail.of_key(KIND, partition, "%61lice", start=1, limit=5)
        assert letter.token == "%61lice"


class TestReading:
    async def test_letters_come_in_order_of_all_keys_of_the_partition_and_of_no_other(self, world: World) -> None:
        await world.make_kind(KIND, 2)
        tokens = [f"k{n}" for n in range(12)]
        sequences = [(await tell(world, token, token))[0] for token in tokens]
        for partition in (0, 1):
            expected = [(s, t) for s, t in zip(sequences, tokens, strict=True) if partition_of(t, 2) == partition]
            assert expected, "the keys must fall into both partitions"
            letters = await take(await world.mail.reader(KIND, partition, start=1), len(expected))
            assert [(letter.sequence, letter.token) for letter in letters] == expected

    async def test_it_starts_at_the_first_sequence_from_start_on(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        sequences = await tell(world, "k", "a", "b", "c", "d")
        assert bodies(await take(await world.mail.reader(KIND, 0, start=sequences[2]), 2)) == ["c", "d"]
        await world.mail.purge(KIND, 0, before=sequences[2])
        assert bodies(await take(await world.mail.reader(KIND, 0, start=sequences[1]), 2)) == ["c", "d"]

    async def test_one_call_returns_at_least_one_letter_and_at_most_the_limit(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        await tell(world, "k", *(str(n) for n in range(10)))
        reader = await world.mail.reader(KIND, 0, start=1)
        seen: list[str] = []
        while len(seen) < 10:
            letters = await reader.next(3)
            assert 1 <= len(letters) <= 3
            seen += bodies(letters)
        assert seen == [str(n) for n in range(10)]

    async def test_it_waits_for_mail_and_goes_on_when_there_is_some(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        reader = await world.mail.reader(KIND, 0, start=1)
        for body in ("first", "second", "third"):
            waiting = asyncio.create_task(reader.next(10))
            await asyncio.sleep(0)
            assert not waiting.done()
            await tell(world, "k", body)
            assert bodies(await asyncio.wait_for(waiting, 5)) == [body]

    async def test_a_reader_that_starts_behind_the_end_waits_for_its_sequence(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        [first] = await tell(world, "k", "a")
        reader = await world.mail.reader(KIND, 0, start=first + 1)
        waiting = asyncio.create_task(reader.next(10))
        await tell(world, "k", "b")
        assert bodies(await asyncio.wait_for(waiting, 5)) == ["b"]

    async def test_a_reader_passes_what_was_purged_before_it_came_there(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        sequences = await tell(world, "k", *(str(n) for n in range(20)))
        await world.mail.purge(KIND, 0, before=sequences[10])
        reader = await world.mail.reader(KIND, 0, start=1)
        assert bodies(await take(reader, 3)) == ["10", "11", "12"]
        await world.mail.purge(KIND, 0, before=sequences[13])
        assert bodies(await take(reader, 7)) == [str(n) for n in range(13, 20)]
        await tell(world, "k", "after")
        assert bodies(await take(reader, 1)) == ["after"]

    async def test_a_call_that_was_cancelled_loses_no_letter(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        reader = await world.mail.reader(KIND, 0, start=1)
        waiting = asyncio.create_task(reader.next(10))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await tell(world, "k", "a", "b")
        assert bodies(await take(reader, 2)) == ["a", "b"]

    async def test_two_readers_do_not_take_from_each_other(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        a, b = await world.mail.reader(KIND, 0, start=1), await world.mail.reader(KIND, 0, start=1)
        await tell(world, "k", "1", "2")
        assert bodies(await take(a, 2)) == bodies(await take(b, 2)) == ["1", "2"]

    async def test_a_thousand_letters_come_complete_and_in_order(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        subject = world.subjects.tell(KIND, "k", "buy")
        for n in range(1000):
            world.home.publish(subject, str(n).encode())
        reader = await world.mail.reader(KIND, 0, start=1)
        assert bodies(await take(reader, 1000)) == [str(n) for n in range(1000)]

    async def test_closing_twice_is_no_error(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        reader = await world.mail.reader(KIND, 0, start=1)
        await reader.close()
        await reader.close()

    async def test_a_lost_connection_interrupts_and_the_reader_goes_on_behind_its_last_letter(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        other = await world.bus()
        subject = world.subjects.tell(KIND, "k", "buy")
        reader = await world.mail.reader(KIND, 0, start=1)
        await tell(world, "k", "1", "2")
        assert bodies(await take(reader, 2)) == ["1", "2"]
        waiting = asyncio.create_task(reader.next(10))
        await asyncio.sleep(0)
        await world.cut(world.home)
        with pytest.raises(MailUnavailable):
            await asyncio.wait_for(waiting, 5)
        with pytest.raises(MailUnavailable):
            await reader.next(10)
        for body in (b"3", b"4"):
            await other.store(subject, body, timeout=5)
        await world.restore(world.home)
        await tell(world, "k", "5")
        assert bodies(await take(reader, 3)) == ["3", "4", "5"]


class TestMailOfOneKey:
    async def test_it_has_that_keys_letters_in_order_from_start_to_limit(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        mine: list[int] = []
        for n in range(5):
            mine += await tell(world, "mine", f"m{n}")
            await tell(world, "other", f"o{n}")
        assert bodies(await world.mail.of_key(KIND, 0, "mine", start=1, limit=100)) == ["m0", "m1", "m2", "m3", "m4"]
        assert bodies(await world.mail.of_key(KIND, 0, "mine", start=1, limit=2)) == ["m0", "m1"]
        assert bodies(await world.mail.of_key(KIND, 0, "mine", start=mine[1] + 1, limit=2)) == ["m2", "m3"]
        assert bodies(await world.mail.of_key(KIND, 0, "mine", start=mine[4], limit=2)) == ["m4"]

    async def test_an_empty_list_means_that_there_is_none(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        [sequence] = await tell(world, "k", "a")
        assert await world.mail.of_key(KIND, 0, "k", start=sequence + 1, limit=10) == []
        assert await world.mail.of_key(KIND, 0, "other", start=1, limit=10) == []

    async def test_what_was_just_acknowledged_is_there(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        for n in range(30):
            [sequence] = await tell(world, "k", str(n))
            assert bodies(await world.mail.of_key(KIND, 0, "k", start=sequence, limit=10)) == [str(n)]

    async def test_methods_are_not_told_apart_and_similar_keys_are(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        for token, method in (("k", "buy"), ("k", "sell"), ("k%2E", "buy"), ("kk", "buy")):
            await world.home.store(world.subjects.tell(KIND, token, method), method.encode(), timeout=5)
        letters = await world.mail.of_key(KIND, 0, "k", start=1, limit=10)
        assert [(letter.token, letter.method) for letter in letters] == [("k", "buy"), ("k", "sell")]


class TestPurging:
    async def test_it_forgets_what_is_before_in_that_partition_alone(self, world: World) -> None:
        await world.make_kind(KIND, 2)
        here, there = (next(f"k{n}" for n in range(50) if partition_of(f"k{n}", 2) == p) for p in (0, 1))
        await tell(world, there, "other")
        mine = await tell(world, here, "a", "b", "c")
        await world.mail.purge(KIND, 0, before=mine[2])
        assert bodies(await world.mail.of_key(KIND, 0, here, start=1, limit=10)) == ["c"]
        assert bodies(await world.mail.of_key(KIND, 1, there, start=1, limit=10)) == ["other"]

    async def test_sequences_go_on_growing_when_all_is_purged(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        [first] = await tell(world, "k", "a")
        await world.mail.purge(KIND, 0, before=first + 1)
        assert await world.mail.of_key(KIND, 0, "k", start=1, limit=10) == []
        [second] = await tell(world, "k", "b")
        assert second == first + 1

    async def test_empty_mail_and_an_early_bound_are_no_errors(self, world: World) -> None:
        await world.make_kind(KIND, 1)
        await world.mail.purge(KIND, 0, before=5)
        [first] = await tell(world, "k", "a")
        await world.mail.purge(KIND, 0, before=0)
        await world.mail.purge(KIND, 0, before=first)
        assert bodies(await world.mail.of_key(KIND, 0, "k", start=1, limit=10)) == ["a"]


async def test_without_a_connection_mail_is_unavailable(world: World) -> None:
    await world.make_kind(KIND, 1)
    await world.cut(world.home)
    with pytest.raises(MailUnavailable):
        await (await world.mail.reader(KIND, 0, start=1)).next(1)
    with pytest.raises(MailUnavailable):
        await world.mail.of_key(KIND, 0, "k", start=1, limit=1)
    with pytest.raises(MailUnavailable):
        await world.mail.purge(KIND, 0, before=1)
    await world.restore(world.home)
    await eventually(lambda: world.home.connected)
    await tell(world, "k", "a")
    assert bodies(await world.mail.of_key(KIND, 0, "k", start=1, limit=1)) == ["a"]
