"""The turns of one actor, from a journal; and what is said about those that are not there any more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from natya.names import partition_of
from natya.ports.journal import Record
from natya.runtime.batch import Header, encode
from natya_ops import history as past
from natya_ops.commands.history import remark, trimmed_to

KEY = "a.b"
TOKEN = "a%2Eb"
PARTITION = partition_of(TOKEN, 4)


def turn(version: int, key: str = TOKEN, **more: Any) -> dict[str, Any]:
    return {"key": key, "v": version, "m": 0, "id": f"id-{version}", "hash": "h", "method": "deposit", "answer": 5, **more}


class SmallJournal:
    """The records of one partition; only what is read here."""

    def __init__(self, *batches: list[dict[str, Any]], first: int = 1) -> None:
        self.records = [
            Record(first + number, encode(Header(7, "node-1", f"b{number}"), turns), 1_700_000_000_000 + number)
            for number, turns in enumerate(batches)
        ]
        self.reads: list[int] = []

    async def last(self, kind: str, partition: int) -> Record | None:
        assert (kind, partition) == ("account", PARTITION)
        return self.records[-1] if self.records else None

    async def read(self, kind: str, partition: int, *, start: int, end: int) -> AsyncIterator[Record]:
        assert (kind, partition) == ("account", PARTITION)
        self.reads.append(start)
        for record in self.records:
            if start <= record.sequence <= end:
                yield record

    async def at(self, kind: str, partition: int, sequence: int) -> Record | None:
        raise NotImplementedError

    async def append(self, kind: str, partition: int, data: bytes, *, expected: int) -> int:
        raise NotImplementedError

    async def trim(self, kind: str, partition: int, *, before: int) -> None:
        raise NotImplementedError


async def read(journal: SmallJournal, limit: int = 10) -> past.History:
    return await past.read_history(journal, "account", KEY, 4, limit=limit)


async def test_turns_of_one_actor_are_told_with_their_outcome_and_what_they_sent() -> None:
    out = [{"subject": "natya.tell.inbox.bob.deliver", "to": "bob"}, {"subject": "natya.event.account.x.moved"}]
    refused = {"code": 409, "slug": "insufficient_funds", "problem": {"detail": "no"}}
    no = {name: value for name, value in turn(2).items() if name != "answer"} | {"error": refused}
    history = await read(SmallJournal([turn(1, out=out), turn(9, key="other")], [], [no]))
    assert history.complete
    first, second = history.turns
    assert first.document() == {
        "time": "2023-11-14T22:13:20.000+00:00",
        "sequence": 1,
        "epoch": 7,
        "node": "node-1",
        "version": 1,
        "method": "deposit",
        "id": "id-1",
        "outcome": "ok",
        "answer": 5,
        "sent": [
            {"what": "tell inbox/bob.deliver", "subject": "natya.tell.inbox.bob.deliver"},
            {"what": "event moved", "subject": "natya.event.account.x.moved"},
        ],
    }
    assert (second.sequence, second.outcome, second.answer) == (3, "insufficient_funds", {"detail": "no"})


async def test_the_newest_turns_are_kept_and_it_is_known_that_there_are_more() -> None:
    journal = SmallJournal([turn(1), turn(2)], [turn(3)])
    history = await read(journal, limit=2)
    assert ([one.version for one in history.turns], history.complete) == ([2, 3], False)
    assert (await read(journal, limit=3)).complete


async def test_a_long_journal_is_read_from_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past, "FIRST_LOOK", 2)
    batches = [[turn(number)] for number in range(1, 41)]
    newest = SmallJournal(*batches)
    assert [one.version for one in (await read(newest, limit=1)).turns] == [40]
    assert newest.reads == [39]
    longer = SmallJournal(*batches)
    assert len((await read(longer, limit=10)).turns) == 10
    assert longer.reads == [39, 25]


async def test_an_actor_without_turns_and_a_partition_without_records() -> None:
    assert (await read(SmallJournal([turn(1, key="other")]))).turns == []
    empty = await read(SmallJournal())
    assert (empty.turns, empty.complete) == ([], True)


async def test_records_of_another_format_are_counted_not_fatal() -> None:
    journal = SmallJournal([turn(1)], [turn(2)])
    journal.records[0] = Record(1, orjson.dumps({"format": 99}), 0)
    history = await read(journal)
    assert ([one.version for one in history.turns], history.unreadable) == ([2], 1)


@pytest.mark.parametrize(
    ("subject", "what"),
    [
        ("natya.dead.account.alice.deposit", "dead letter"),
        ("somewhere.else", "reply"),
        ("natya.tell.account.a%2Eb.deposit", "tell account/a%2Eb.deposit"),
    ],
)
def test_what_was_sent_is_named_from_its_subject(subject: str, what: str) -> None:
    assert past.what_is(subject) == what


def found(**more: Any) -> dict[str, Any]:
    return {"kind": "account", "key": KEY, "turns": [{}], "more": False, "trimmed_to": 0, "unreadable": 0, **more}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (found(), ""),
        (found(more=True, trimmed_to=None), "older turns are in the journal: see more with --limit"),
        (found(trimmed_to=7), "older turns, up to version 7, were trimmed from the journal: their effect is in the state"),
        (found(turns=[], trimmed_to=1), "older turns, of version 1, were trimmed from the journal: their effect is in the state"),
        (found(turns=[]), "no command of account/a.b has ever succeeded, and the journal has none that failed"),
        (found(turns=[], trimmed_to=None), "the journal has no turn of account/a.b, and its owner does not say whether there ever was one"),
        (found(unreadable=2), "2 records are of a format that this version of natya does not read"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said(document: dict[str, Any], said: str) -> None:
    assert remark(document) == said


@pytest.mark.parametrize(
    ("more", "turns", "version", "trimmed"),
    [
        (False, [{"version": 1, "outcome": "ok"}], 1, 0),
        (False, [{"version": 5, "outcome": "ok"}, {"version": 6, "outcome": "ok"}], 6, 4),
        (False, [{"version": 0, "outcome": "insufficient_funds"}, {"version": 1, "outcome": "ok"}], 1, 0),
        (False, [{"version": 4, "outcome": "insufficient_funds"}], 4, 4),
        (False, [], 12, 12),
        (False, [], None, None),
        (True, [{"version": 5, "outcome": "ok"}], 5, None),
    ],
)
def test_versions_that_have_left_the_journal_are_known_from_the_first_turn(
    more: bool, turns: list[dict[str, Any]], version: int | None, trimmed: int | None
) -> None:
    assert trimmed_to({"more": more, "turns": turns, "version": version}) == trimmed
