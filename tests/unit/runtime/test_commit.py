"""`natya.runtime.commit`: what is sent, when it is sent again, and when it is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from natya.memory import ManualClock
from natya.message import Answer, Message
from natya.ports.journal import AppendConflict, AppendRefused, AppendUnknown, JournalUnavailable, Record
from natya.runtime.batch import Header, Position, decode, encode
from natya.runtime.commit import Committer, Fenced, NotStored
from natya.runtime.gate import Gate
from natya.runtime.turn import Turn
from support.fake_world import fake_world

FENCE = Record(5, encode(Header(2, "me", "fence", fence=True)), 0)
RIVAL = Record(6, encode(Header(3, "rival", "other", fence=True)), 0)
UNKNOWN, CONFLICT = AppendUnknown("silence"), AppendConflict("wrong last sequence")


class Script:
    """A journal that answers as it is told: an exception, or a sequence; reads give ``last``. Counts what it was sent."""

    def __init__(self, *answers: Exception | int) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[bytes, int]] = []
        self.last_record: Record | Exception = FENCE
        self.held: asyncio.Event | None = None

    async def append(self, kind: str, partition: int, data: bytes, *, expected: int) -> int:
        self.sent.append((data, expected))
        if self.held is not None:
            await self.held.wait()
        answer = self.answers.pop(0) if self.answers else expected + 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def last(self, kind: str, partition: int) -> Record:
        if isinstance(self.last_record, Exception):
            raise self.last_record
        return self.last_record


class Owner:
    """Hears of commits; says that nothing has moved."""

    def __init__(self) -> None:
        self.committed_batches: list[tuple[list[str], int]] = []

    def committed(self, turns: Sequence[Turn], starts: Sequence[dict[str, Any]], sequence: int, header: Header) -> None:
        self.committed_batches.append(([turn.message.id for turn in turns], sequence))

    def counted(self, tries: Sequence[dict[str, Any]], sequence: int) -> None:
        self.committed_batches.append(([f"{line['id']}*{line['n']}" for line in tries], sequence))

    def header(self) -> tuple[int, str, Position | None]:
        return 0, "", None


def turn(id: str, *, key: str = "a", state: bytes | None = b"{}", sent: int = 10) -> Turn:
    made = Turn(Message("ledger", key, 0, "write", b"", id=id, sent=sent), None, {}, "d", None)
    made.settle(Answer(b"1"), version=1, mail=0, state=state, outgoing=None)
    return made


@asynccontextmanager
async def committing(journal: Script, clock: ManualClock) -> AsyncIterator[tuple[Committer, Owner, asyncio.Task[None]]]:
    owner = Owner()
    committer = Committer(
        fake_world(clock, journal=journal), Gate(1, 1 << 20), Header(2, "me", "fence"),
        kind="ledger", partition=0, last=5, owner=owner,
    )  # fmt: skip
    await clock.advance(1)
    running = asyncio.create_task(committer.run())
    try:
        yield committer, owner, running
    finally:
        running.cancel()
        await asyncio.wait({running})


async def test_turns_that_end_while_an_append_is_in_flight_are_one_batch() -> None:
    clock, journal = ManualClock(), Script()
    journal.held = asyncio.Event()
    async with committing(journal, clock) as (committer, owner, _):
        committer.add(turn("m0"))
        await clock.settle()
        for n in range(1, 30):
            committer.add(turn(f"m{n}"))
        await clock.settle()
        assert len(journal.sent) == 1, "one append in flight"
        journal.held.set()
        await clock.settle()
        assert owner.committed_batches == [(["m0"], 6), ([f"m{n}" for n in range(1, 30)], 7)]
        assert [expected for _, expected in journal.sent] == [5, 6]
        assert committer.idle


async def test_silence_is_answered_by_the_same_bytes_and_the_same_expectation() -> None:
    clock, journal = ManualClock(), Script(UNKNOWN, UNKNOWN, 6)
    async with committing(journal, clock) as (committer, owner, _):
        committer.add(turn("m0"))
        await clock.advance(1)
        assert len(journal.sent) == 3
        assert len(set(journal.sent)) == 1
        assert owner.committed_batches == [(["m0"], 6)]


async def test_the_own_record_at_the_end_of_the_journal_means_done() -> None:
    clock, journal = ManualClock(), Script(UNKNOWN, CONFLICT)
    async with committing(journal, clock) as (committer, owner, _):
        committer.add(turn("m0"))
        await clock.settle()
        journal.last_record = Record(9, journal.sent[0][0], 0)
        await clock.advance(1)
        assert owner.committed_batches == [(["m0"], 9)]
        assert committer.last == 9


@pytest.mark.parametrize("seen", [FENCE, JournalUnavailable("no leader")])
async def test_the_predecessor_or_no_answer_to_a_read_proves_nothing(seen: Record | Exception) -> None:
    clock, journal = ManualClock(), Script(UNKNOWN, CONFLICT, CONFLICT, UNKNOWN, 6)
    journal.last_record = seen
    async with committing(journal, clock) as (committer, owner, running):
        committer.add(turn("m0"))
        await clock.advance(2)
        assert len(set(journal.sent)) == 1
        assert len(journal.sent) == 5
        assert owner.committed_batches == [(["m0"], 6)]
        assert not running.done()


async def test_somebody_elses_record_means_fenced() -> None:
    clock, journal = ManualClock(), Script(CONFLICT)
    journal.last_record = RIVAL
    async with committing(journal, clock) as (committer, owner, running):
        committer.add(turn("m0"))
        await clock.settle()
        with pytest.raises(Fenced):
            running.result()
        assert owner.committed_batches == []


async def test_a_refusal_for_good_ends_it() -> None:
    clock, journal = ManualClock(), Script(AppendRefused("disk full"))
    async with committing(journal, clock) as (committer, _, running):
        committer.add(turn("m0"))
        await clock.settle()
        with pytest.raises(NotStored, match="disk full"):
            running.result()


async def test_a_barrier_is_reached_only_after_everything_that_joined_before_it() -> None:
    clock, journal, order = ManualClock(), Script(), list[str]()
    journal.held = asyncio.Event()
    async with committing(journal, clock) as (committer, owner, _):
        committer.add(turn("m0"))
        await clock.settle()
        for n in range(1_500):
            committer.add(turn(f"n{n}"))
        committer.barrier(lambda: order.append(f"barrier after {len(owner.committed_batches)} batches"))
        journal.held.set()
        await clock.settle()
        assert order == ["barrier after 3 batches"], "one record holds 1,000 turns"


async def test_a_start_is_journaled_before_the_turn_goes_on_and_its_time_is_covered() -> None:
    clock, journal = ManualClock(), Script()
    async with committing(journal, clock) as (committer, _, _running):
        await asyncio.wait_for(committer.start({"key": "a", "id": "m1", "hash": "d", "at": 70}, 60), 5)
        await asyncio.wait_for(committer.proof(), 5)
        first, second = (decode(data) for data, _ in journal.sent)
        assert [line["id"] for line in first.starts] == ["m1"]
        assert (first.header.since, first.header.sent, second.header.since) == (0, 60, 60)


async def test_of_an_actor_that_changed_twice_a_record_has_the_last_state_once() -> None:
    clock, journal = ManualClock(), Script()
    async with committing(journal, clock) as (committer, _, _running):
        for n in range(3):
            committer.add(turn(f"m{n}", state=b'{"n":%d}' % n if n < 2 else None, sent=n))
        await clock.settle()
        (record,) = (decode(data) for data, _ in journal.sent)
        assert record.states == {"a": {"n": 1}}
        assert record.header.sent == 2
