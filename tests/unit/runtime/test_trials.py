"""`natya.runtime.trials`, `counts`, `quiet`: who is suspected, what is journaled before it runs, and who waits meanwhile."""

from __future__ import annotations

import orjson
import pytest

from natya.message import Message
from natya.runtime.batch import Header, decode, encode
from natya.runtime.counts import Counts, line_of
from natya.runtime.trials import EXPIRY_MS, PATIENCE, PERIOD
from support.trial_bench import Neighbour, bench, turn_of


def test_counts_stand_in_a_record_and_those_without_are_read_as_before() -> None:
    header = Header(1, "n", "b", fence=True, forced=True, unclean=7)
    data = encode(header, tries=[line_of(("a", "x"), 1, 0, 5), line_of(("b", "y"), 2, 3, 6)])
    assert orjson.loads(data)["tries"] == [
        {"key": "a", "id": "x", "n": 1, "at": 5},
        {"key": "b", "id": "y", "n": 2, "at": 6, "slow": 3},
    ]
    assert decode(data).header == header
    assert decode(encode(Header(1, "n", "b"))).tries == []


def test_the_oldest_count_is_that_of_the_oldest_record_that_is_still_needed() -> None:
    counts = Counts()
    for sequence, id in ((1, "x"), (2, "y"), (3, "z")):
        counts.take([line_of(("a", id), 1, 0, sequence)], sequence)
    counts.take([line_of(("a", "x"), 2, 0, 1)], 4)
    assert counts.oldest == 2
    counts.end(("a", "y"))
    counts.take([line_of(("a", "z"), 0, 0, 3)], 5)
    assert counts.oldest == 4
    counts.expire(2, keep=lambda place: False)
    assert counts.oldest is None


@pytest.mark.parametrize(
    ("message", "time", "suspected"),
    [
        (Message("plain", "a", 0, "run", b"", id="new", attempt=1), 1001, False),
        (Message("plain", "a", 0, "run", b"", id="old", attempt=1), 1000, True),
        (Message("plain", "a", 0, "run", b"", id="again", attempt=2), 1001, True),
        (Message("plain", "a", 0, "run", b"", id="letter", attempt=2, mail=5), 1001, False),
        (Message("plain", "a", 0, "run", b"", id="counted", attempt=1), 1001, True),
    ],
    ids=lambda value: value.id if isinstance(value, Message) else "",
)
async def test_what_cannot_have_run_when_the_process_ended_is_not_suspected(
    message: Message, time: int, suspected: bool
) -> None:
    async with bench({"counted": 1}, unclean=1000) as at:
        assert at.trials.suspects(message, time) is suspected


async def test_in_a_partition_that_was_not_taken_by_force_nobody_is_suspected() -> None:
    async with bench() as at:
        assert not at.trials.on
        assert not at.trials.suspects(turn_of(attempt=3).message, 0)


async def test_suspicion_ends_after_a_while_and_the_journal_says_so() -> None:
    async with bench(unclean=1000) as at:
        assert at.committer.unclean == 1000
        await at.clock.advance(PERIOD + 1)
        at.trials.maintain()
        assert (at.trials.on, at.committer.unclean) == (False, 0)


async def test_a_message_does_not_run_before_its_count_is_committed() -> None:
    async with bench(unclean=1) as at:
        at.journal.open.clear()
        turn = turn_of()
        begin = await at.begun(turn)
        assert not begin.done()
        at.journal.open.set()
        await begin
        assert at.journal.tries == [("x", 1)]
        assert at.neighbour.pauses == [], "it does not run alone"


async def test_the_next_message_of_the_actor_is_counted_in_the_record_of_the_one_before() -> None:
    async with bench(unclean=1) as at:
        first, second = turn_of("x"), turn_of("y")
        await at.begun(first)
        await at.ended(first, second)
        assert [(line["id"], line["n"]) for line in decode(at.journal.records[-1]).tries] == [("y", 1)]
        assert [line["id"] for line in decode(at.journal.records[-1]).turns] == ["x"]
        await at.begun(second)
        assert len(at.journal.records) == 2, "it is not counted once more"


async def test_a_message_that_failed_without_ending_its_process_is_cleared() -> None:
    async with bench(unclean=1) as at:
        turn = turn_of()
        await at.begun(turn)
        await at.trials.end(turn, None)
        assert at.journal.tries == [("x", 1), ("x", 0)]
        assert at.trials.oldest is None


async def test_with_a_count_it_runs_alone_and_the_others_go_on_when_it_is_committed() -> None:
    async with bench({"x": 1}) as at:
        turn = turn_of()
        at.neighbour.is_busy = True
        begin = await at.begun(turn)
        assert len(at.neighbour.pauses) == 1, "nothing more starts"
        assert at.journal.tries == [], "but something runs still"
        at.neighbour.is_busy = False
        await at.clock.advance(0.1)
        await begin
        assert at.journal.tries == [("x", 2)]
        (exempt,) = at.neighbour.pauses
        assert exempt(turn.message)
        assert not exempt(turn_of("y").message)
        at.journal.open.clear()
        ending = at.spawn(at.ended(turn))
        await at.clock.settle()
        assert at.neighbour.pauses, "it is not committed yet"
        at.journal.open.set()
        await ending
        await at.clock.settle()
        assert at.neighbour.pauses == []
        assert at.trials.oldest is None


async def test_what_it_asks_itself_runs_meanwhile_and_is_not_blamed() -> None:
    async with bench({"x": 1, "y": 1}) as at:
        await at.begun(turn_of("x"))
        at.neighbour.chained.add("plain/a")
        asked = turn_of("y", chain=("plain/a",))
        assert at.neighbour.pauses[0](asked.message)
        await at.begun(asked)
        assert asked.tried
        assert at.journal.tries == [("x", 2)]


async def test_two_suspects_are_alone_one_after_the_other() -> None:
    async with bench({"x": 1, "y": 1}) as at:
        first, second = turn_of("x"), turn_of("y", key="a")
        await at.begun(first)
        waiting = await at.begun(second)
        assert not waiting.done()
        await at.ended(first)
        await at.clock.settle()
        assert waiting.done()
        assert at.journal.tries == [("x", 2), ("y", 2)]


async def test_at_two_it_is_condemned_and_nothing_is_written() -> None:
    async with bench({"x": 2}, deaths=2) as at:
        turn = turn_of()
        await at.begun(turn)
        assert turn.condemned
        assert turn.attempts == 3
        assert turn.verdict is not None
        assert turn.verdict.error().extra["attempts"] == 3
        assert at.journal.records == []


async def test_where_others_die_too_it_runs_alone_again_before_it_is_condemned() -> None:
    for number in (2, 3):
        async with bench({"x": number}, deaths=number + 1) as at:
            turn = turn_of()
            await at.begun(turn)
            assert not turn.condemned
            assert at.journal.tries == [("x", number + 1)]
            assert at.neighbour.pauses, "it is alone"
            await at.ended(turn)
            await at.clock.settle()
            assert at.trials.oldest is None
    async with bench({"x": 4}, deaths=100) as at:
        turn = turn_of()
        await at.begun(turn)
        assert turn.condemned
        assert turn.attempts == 5


async def test_who_is_merely_slow_is_not_alone_for_long_and_cannot_be_condemned_then() -> None:
    async with bench({"x": 1}) as at:
        turn = turn_of()
        await at.begun(turn)
        at.journal.open.clear()
        await at.clock.advance(PATIENCE + 0.1)
        assert at.neighbour.pauses, "not before the journal says that it is not alone"
        at.journal.open.set()
        await at.clock.settle()
        assert at.neighbour.pauses == []
        assert at.journal.tries == [("x", 2), ("x", 1)]
        assert decode(at.journal.records[-1]).tries[0]["slow"] == 1


async def test_a_node_that_does_not_come_to_rest_goes_on_and_nobody_is_condemned() -> None:
    async with bench({"x": 1}) as at:
        at.neighbour.is_busy = True
        turn = turn_of()
        begin = await at.begun(turn)
        await at.clock.advance(PATIENCE + 0.1)
        await begin
        assert turn.tried
        assert at.neighbour.pauses == []
        assert at.journal.tries == [("x", 1)]
        assert decode(at.journal.records[-1]).tries[0]["slow"] == 1


async def test_one_that_may_not_start_after_all_has_not_been_alone() -> None:
    async with bench({"x": 1}) as at:
        turn = turn_of()
        await at.begun(turn)
        await at.trials.withdraw(turn)
        await at.clock.settle()
        assert at.journal.tries == [("x", 2), ("x", 1)]
        assert at.neighbour.pauses == []
        assert not turn.tried


async def test_a_dropped_partition_lets_the_node_go_on() -> None:
    async with bench({"x": 1}) as at:
        await at.begun(turn_of())
        at.trials.drop()
        await at.clock.settle()
        assert at.neighbour.pauses == []


async def test_a_partition_that_opens_while_a_message_is_alone_waits_too() -> None:
    async with bench({"x": 1}) as at:
        turn = turn_of()
        await at.begun(turn)
        late = Neighbour()
        at.quiet.join(late)
        assert len(late.pauses) == 1
        await at.ended(turn)
        await at.clock.settle()
        assert late.pauses == []


async def test_a_count_without_an_end_is_carried_on_and_forgotten_in_the_end() -> None:
    async with bench({"x": 1}) as at:
        for _ in range(4):
            await at.clock.advance(31)
            at.trials.maintain()
            await at.clock.settle()
        assert at.journal.tries == [("x", 1)] * 4
        assert at.trials.oldest == 13, "the record that has it now"
        await at.clock.advance(EXPIRY_MS / 1000)
        at.trials.maintain()
        await at.clock.settle()
        assert at.trials.oldest is None
        assert not at.trials.on
