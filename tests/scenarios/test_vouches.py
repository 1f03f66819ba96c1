"""Whose message is it? Anybody may store one with any headers; only a vouch makes a caller of a name.

1. No vouch: no caller. 2. A vouch for another message, caller, actor or method; made with another key; for what was changed since. 3. A letter
that was copied: at once, and long after. 4. Nodes that start at the same time make one key. 5. Read again by the next owner, tried again, given up.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from natya import Actor, command
from natya.errors import Forbidden
from natya.memory import ManualClock, MemoryBroker, MemoryBus, MemoryRegistry, SeededIds
from natya.message import CALLER, VOUCH, Message
from natya.names import Subjects
from natya.ref import Options
from natya.runtime.vouching import find_seal, make_seal
from natya.testing import TestPlatform
from natya.vouch import VALID_MS, Seal
from support.ledger import Ledger, Lines, Stage
from support.trouble import Trouble

MAIL = "natya_mail_signed"
GOOD = Message("signed", "a", 0, "sign", b'{"line":"x"}', id="m1", sent=1_000_000, caller="ada", keep=60, if_version=0)


class Signed(Actor[Lines], partitions=1):
    """Writes down whose message it was."""

    @command
    async def sign(self, line: str, fail: bool = False) -> str:
        if fail:
            raise RuntimeError("not for anybody")
        self.state.lines.append(f"{self.caller or 'nobody'}: {line}")
        return self.caller

    @command
    async def lines(self) -> list[str]:
        return self.state.lines


async def test_a_caller_who_is_vouched_for_reaches_the_actor() -> None:
    async with TestPlatform(Signed) as platform:
        await platform.store("signed", "a", "sign", b'{"line":"x"}', Options("m1", keep=60), caller="ada")
        await platform.settle()
        assert await platform.actor(Signed, "a").lines() == ["ada: x"]


async def test_a_caller_for_whom_nobody_vouches_is_nobody() -> None:
    async with TestPlatform(Signed) as platform:
        await platform.store("signed", "a", "sign", b'{"line":"x"}', Options("m1"), {CALLER: "ada"})
        await platform.settle()
        assert await platform.actor(Signed, "a").lines() == ["nobody: x"]
        assert platform.dead_letters == []


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "other"}, {"token": "b"}, {"method": "lines"}, {"body": b'{"line":"y"}'}, {"id": "m2"}, {"sent": 1_000_001},
        {"caller": "eve"}, {"caller": ""}, {"keep": 0}, {"if_version": None}, {"if_version": 1}, {"reply_to": "inbox"},
        {"deadline": 5},
    ],
    ids=str,
)  # fmt: skip
def test_a_vouch_is_for_one_message_as_it_is(changed: dict[str, object]) -> None:
    seal = Seal([b"k" * 32])
    vouch = seal.vouch(GOOD)
    seal.check(GOOD, vouch, GOOD.sent)
    with pytest.raises(Forbidden):
        seal.check(replace(GOOD, **changed), vouch, GOOD.sent)  # type: ignore[arg-type]


def test_a_vouch_of_another_key_or_of_none_is_refused_and_keys_can_be_changed() -> None:
    old, new = Seal([b"o" * 32]), Seal([b"n" * 32])
    both = Seal([b"n" * 32, b"o" * 32])
    for vouch in (old.vouch(GOOD), new.vouch(GOOD)):
        both.check(GOOD, vouch, GOOD.sent)
    assert both.vouch(GOOD) == new.vouch(GOOD)
    for wrong in (old.vouch(GOOD), "", "x", "é", new.vouch(GOOD)[:-1]):
        with pytest.raises(Forbidden):
            new.check(GOOD, wrong, GOOD.sent)


def test_a_vouch_is_good_around_the_first_sending_only() -> None:
    seal = Seal([b"k" * 32])
    vouch = seal.vouch(GOOD)
    seal.check(GOOD, vouch, GOOD.sent + VALID_MS)
    for stored in (GOOD.sent + VALID_MS + 1, GOOD.sent - VALID_MS - 1):
        with pytest.raises(Forbidden):
            seal.check(GOOD, vouch, stored)


async def test_a_letter_with_a_wrong_vouch_is_a_dead_letter_and_runs_for_nobody() -> None:
    async with TestPlatform(Signed) as platform:
        await platform.store(
            "signed", "a", "sign", b'{"line":"x"}', Options("m1", keep=60), {VOUCH: "0" * 64, CALLER: "ada"}
        )
        await platform.settle()
        (letter,) = platform.dead_letters
        assert (letter.slug, letter.attempts) == ("forbidden", 1)
        assert VOUCH in letter.error["detail"]
        assert await platform.actor(Signed, "a").lines() == []
        stream = platform.cluster.broker.stream(MAIL)
        assert stream is not None
        stream._seen.clear()
        await platform.store("signed", "a", "sign", b'{"line":"y"}', Options("m1", keep=60), caller="ada")
        await platform.settle()
        assert await platform.actor(Signed, "a").lines() == ["ada: y"], "a letter that is refused has no claim to its id"


async def test_a_copied_letter_takes_no_second_effect_at_once_and_is_refused_later() -> None:
    async with TestPlatform(Signed) as platform:
        stream = platform.cluster.broker.stream(MAIL)
        assert stream is not None
        partition = platform.cluster.nodes[0].partitions[0]
        partition.mailbag.hold(True)
        await platform.store("signed", "a", "sign", b'{"line":"x"}', Options("m1"), caller="ada")
        (letter,) = stream.read(">")
        partition.mailbag.hold(False)
        await platform.settle()
        for seconds, dead in ((1.0, []), (VALID_MS / 1000, ["forbidden"])):
            await platform.clock.advance(seconds)
            stream._seen.clear()
            await platform.bus.store("natya.tell.signed.a.sign", letter.data, letter.headers, timeout=1.0)
            await platform.settle()
            assert [letter.slug for letter in platform.dead_letters] == dead
        assert await platform.actor(Signed, "a").lines() == ["ada: x"]


async def test_the_next_owner_believes_the_vouch_as_well() -> None:
    async with TestPlatform(Signed) as platform:
        platform.cluster.nodes[0].partitions[0].mailbag.hold(True)
        await platform.store("signed", "a", "sign", b'{"line":"x"}', Options("m1"), caller="ada")
        await platform.crash()
        await platform.settle()
        assert await platform.actor(Signed, "a").lines() == ["ada: x"]


async def test_a_dead_letter_names_the_caller_and_stored_again_as_it_is_runs_for_nobody() -> None:
    async with TestPlatform(Signed) as platform:
        await platform.store("signed", "a", "sign", b'{"line":"x","fail":true}', Options("m1"), caller="ada")
        await platform.settle()
        (letter,) = platform.dead_letters
        assert letter.headers[CALLER] == "ada"
        assert VOUCH not in letter.headers
        await platform.store("signed", "a", "sign", b'{"line":"y"}', Options("m2"), letter.headers)
        await platform.store(
            "signed", "a", "sign", b'{"line":"z"}', Options("m3"), letter.headers, caller=letter.headers[CALLER]
        )
        await platform.settle()
        assert await platform.actor(Signed, "a").lines() == ["nobody: y", "ada: z"]


async def test_nodes_that_start_together_make_one_key() -> None:
    clock = ManualClock()
    async with MemoryBroker(clock=clock, ids=SeededIds(1)) as broker:
        buckets = [MemoryRegistry(MemoryBus(broker, f"n{n}"), Subjects().cluster_bucket) for n in range(5)]
        assert await find_seal(buckets[0]) is None
        seals = await asyncio.gather(*(make_seal(bucket) for bucket in buckets))
        assert len({seal.vouch(GOOD) for seal in seals}) == 1
        found = await find_seal(buckets[0])
        assert found is not None
        assert found.vouch(GOOD) == seals[0].vouch(GOOD)


async def test_without_the_key_nothing_is_stored_for_anybody(stage: Stage, trouble: Trouble) -> None:
    async with TestPlatform(Ledger, faults=trouble) as platform:
        trouble.lose_sent("client", "$JS.API.KV_natya_cluster*")
        storing = asyncio.ensure_future(platform.store("ledger", "a", "write", b'{"line":"x"}', Options("m1"), caller="ada"))
        await platform.clock.advance(30)
        with pytest.raises(Exception, match="key cannot be read"):
            await storing
        assert stage.runs["x"] == 0
