"""What `Snapshots` promises about the documents of actors."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from natya.ports.snapshots import Kept, Shape, Snapshot, Snapshots, SnapshotsUnavailable

STATES: list[Any] = [
    {},
    {"balance": 5, "owner": "alice", "open": True, "note": None},
    {"whole": 1, "real": 1.0, "nothing": 0.0, "below": -0.0, "tiny": 5e-324, "huge": 1.7976931348623157e308},
    {"least": -(2**63), "most": 2**63 - 1, "unsigned": 2**64 - 1, "wide": 2**70, "negative": -(2**100)},
    {"nested": [[], {}, [[{"a": [None]}]]]},
    {"": 1, " ": 2, "a.b": 3, "$set": 4, "$ref": "x", "$id": 5, "a$": 6, "50%": 7, "%2E": 8, "_id": 9, "0": 10, "j": 11},
    {
        "text": 'žluťoučký 🐎 \u0000 \\ " \u2028',
        "\u0000": "NUL",
        "ключ": "значение",
        "e\u0301": "two code points",
        "é": "one",
    },
    {"looks like a date": "2026-01-31T12:00:00Z"},
    [1, "two", None],
    "text",
    None,
    3.0,
]


def snapshot(key: str = "alice", journal: int = 1, state: Any = ..., **more: Any) -> Snapshot:
    text = None if state is ... else json.dumps(state).encode()
    fields: dict[str, Any] = {"version": journal, "mail": 0, "schema": 1, **more}
    return Snapshot(key=key, journal=journal, state=text, **fields)


def same(text: bytes | None, state: Any) -> bool:
    """Whether ``text`` is the JSON of ``state``, types and order included."""
    return text is not None and repr(json.loads(text)) == repr(state)


async def load(snapshots: Snapshots, key: str = "alice", kind: str = "account") -> Snapshot:
    return (await snapshots.load(kind, [key]))[key]


async def test_a_kind_may_be_prepared_again_and_by_several_at_once(snapshots: Snapshots) -> None:
    shape = Shape("account", {"type": "object"}, indexes=[[("balance", 1)], [("owner.name", 1), ("since", -1)]])
    await snapshots.prepare(shape)
    await snapshots.write("account", [snapshot(state={"balance": 5})])
    await snapshots.prepare(shape)
    await asyncio.gather(snapshots.prepare(shape), snapshots.prepare(shape))
    assert same((await load(snapshots)).state, {"balance": 5})


async def test_loading_gives_those_that_exist(snapshots: Snapshots) -> None:
    await snapshots.write("account", [snapshot("alice"), snapshot("bob"), snapshot("carol")])
    assert set(await snapshots.load("account", ["alice", "carol", "dave"])) == {"alice", "carol"}
    assert await snapshots.load("account", {"dave"}) == {}
    assert await snapshots.load("account", []) == {}
    assert await snapshots.load("unheard_of", ["alice"]) == {}


async def test_kinds_do_not_share_documents(snapshots: Snapshots) -> None:
    await snapshots.write("account", [snapshot(journal=7)])
    await snapshots.write("order", [snapshot(journal=3)])
    assert (await load(snapshots, kind="account")).journal == 7
    assert (await load(snapshots, kind="order")).journal == 3


async def test_a_document_comes_back_with_all_it_has(snapshots: Snapshots) -> None:
    written = snapshot(
        "ålice@example.com/ 🐎",
        2**53 + 1,
        {"a": 1},
        version=2**40,
        mail=2**41,
        schema=3,
        timers={"due.$soon %": 2, "late": 1},
    )
    outcome = await snapshots.write("account", [written])
    assert (outcome.later, outcome.refused) == ({}, {})
    loaded = await load(snapshots, written.key)
    assert same(loaded.state, {"a": 1})
    assert (loaded.key, loaded.version, loaded.journal, loaded.mail, loaded.schema, loaded.timers) == (
        written.key, 2**40, 2**53 + 1, 2**41, 3, {"due.$soon %": 2, "late": 1},
    )  # fmt: skip


@pytest.mark.parametrize("state", STATES, ids=lambda state: repr(state)[:30])
async def test_a_state_comes_back_as_it_was(snapshots: Snapshots, state: Any) -> None:
    assert (await snapshots.write("account", [snapshot(state=state)])).refused == {}
    assert same((await load(snapshots)).state, state)


async def test_a_later_document_replaces_an_earlier_one(snapshots: Snapshots) -> None:
    await snapshots.write("account", [snapshot(journal=1, state={"balance": 1, "note": "x"}, timers={"due": 1})])
    outcome = await snapshots.write("account", [snapshot(journal=2, state={"balance": 2})])
    assert (outcome.later, outcome.refused) == ({}, {})
    loaded = await load(snapshots)
    assert (loaded.journal, loaded.timers) == (2, {})
    assert same(loaded.state, {"balance": 2})


async def test_an_equal_document_counts_as_stored(snapshots: Snapshots) -> None:
    await snapshots.write("account", [snapshot(journal=5, state=1)])
    outcome = await snapshots.write("account", [snapshot(journal=5, state=1), snapshot("bob", 1)])
    assert (outcome.later, outcome.refused) == ({}, {})
    assert (await load(snapshots)).journal == 5


async def test_an_earlier_document_changes_nothing_and_is_told_what_is_there(snapshots: Snapshots) -> None:
    await snapshots.write("account", [snapshot(journal=9, state="late"), snapshot("bob", 1)])
    outcome = await snapshots.write("account", [snapshot(journal=4, state="early"), snapshot("bob", 2), snapshot("carol")])
    assert (outcome.later, outcome.refused) == ({"alice": 9}, {})
    assert same((await load(snapshots)).state, "late")
    assert set(await snapshots.load("account", ["bob", "carol"])) == {"bob", "carol"}
    assert (await load(snapshots, "bob")).journal == 2


async def test_no_state_leaves_the_stored_state_and_writes_the_rest(snapshots: Snapshots) -> None:
    await snapshots.write("account", [snapshot(journal=1, state={"balance": 1})])
    await snapshots.write("account", [snapshot(journal=2, mail=7, timers={"due": 3})])
    loaded = await load(snapshots)
    assert (loaded.journal, loaded.version, loaded.mail, loaded.timers) == (2, 2, 7, {"due": 3})
    assert same(loaded.state, {"balance": 1})


async def test_no_state_leaves_the_form_of_the_stored_state_too(snapshots: Snapshots) -> None:
    await snapshots.write("account", [snapshot(journal=1, state={"balance": 1}, schema=3)])
    await snapshots.write("account", [snapshot(journal=2, schema=4), snapshot("new", schema=4)])
    assert ((await load(snapshots)).journal, (await load(snapshots)).schema) == (2, 3)
    assert (await load(snapshots, "new")).schema == 4
    await snapshots.write("account", [snapshot(journal=3, state={"balance": 2}, schema=4)])
    assert (await load(snapshots)).schema == 4


async def test_no_state_was_ever_stored_is_told_apart_from_null(snapshots: Snapshots) -> None:
    await snapshots.write("account", [snapshot("never"), snapshot("null", state=None)])
    assert (await load(snapshots, "never")).state is None
    assert (await load(snapshots, "null")).state == b"null"


@pytest.mark.parametrize(
    "text", [b'{"a":NaN}', b"", b'{"a":', b'"' + b"x" * (17 << 20) + b'"'], ids=["NaN", "empty", "cut", "17 MiB"]
)
async def test_a_document_that_cannot_be_stored_fails_alone(snapshots: Snapshots, text: bytes) -> None:
    await snapshots.write("account", [snapshot("bad", 1, state="before")])
    bad = Snapshot(key="bad", version=2, journal=2, mail=0, schema=1, state=text)
    outcome = await snapshots.write("account", [snapshot("alice", state=1), bad, snapshot("bob", state=2)])
    assert outcome.later == {}
    assert set(outcome.refused) == {"bad"}
    assert outcome.refused["bad"].startswith(("not JSON: ", "too large: "))
    assert set(await snapshots.load("account", ["alice", "bob"])) == {"alice", "bob"}
    assert same((await load(snapshots, "bad")).state, "before")


async def test_timers_that_are_not_json_are_refused_alone(snapshots: Snapshots) -> None:
    outcome = await snapshots.write("account", [snapshot("bad", timers={"due": object()}), snapshot("good")])
    assert set(outcome.refused) == {"bad"}
    assert set(await snapshots.load("account", ["bad", "good"])) == {"good"}


async def test_writers_at_the_same_moment_leave_the_latest(snapshots: Snapshots) -> None:
    outcomes = await asyncio.gather(
        *(snapshots.write("account", [snapshot(journal=journal, state=journal)]) for journal in (3, 8, 1, 7, 2, 6, 5, 4))
    )
    assert all(outcome.refused == {} and set(outcome.later) <= {"alice"} for outcome in outcomes)
    loaded = await load(snapshots)
    assert (loaded.journal, loaded.state) == (8, b"8")


async def test_many_documents_in_one_write(snapshots: Snapshots) -> None:
    keys = [f"key {number}" for number in range(700)]
    await snapshots.write("account", [snapshot(key, state={"n": key}) for key in keys[::2]])
    outcome = await snapshots.write("account", [snapshot(key, state={"n": key}) for key in keys])
    assert (outcome.later, outcome.refused) == ({}, {})
    loaded = await snapshots.load("account", keys)
    assert all(same(loaded[key].state, {"n": key}) for key in keys)


async def test_nothing_to_write_is_written(snapshots: Snapshots) -> None:
    outcome = await snapshots.write("account", [])
    assert (outcome.later, outcome.refused) == ({}, {})


async def test_two_snapshots_of_one_actor_in_one_write_are_a_mistake(snapshots: Snapshots) -> None:
    with pytest.raises(ValueError, match="a key is there twice"):
        await snapshots.write("account", [snapshot(journal=1), snapshot(journal=2)])


async def test_a_load_after_a_mark_sees_the_write(snapshots: Snapshots) -> None:
    for journal in range(1, 20):
        await snapshots.write("account", [snapshot(journal=journal)])
        loaded = await snapshots.load("account", ["alice"], after=snapshots.mark())
        assert loaded["alice"].journal == journal


async def test_marks_are_text_and_do_not_go_back(snapshots: Snapshots) -> None:
    marks = [snapshots.mark()]
    for journal in (1, 2, 2, 1):
        await snapshots.write("account", [snapshot(journal=journal)])
        marks.append(snapshots.mark())
    assert marks[0] == ""
    told = [[int(part) for part in mark.split(".")] for mark in marks if mark]
    assert told == sorted(told)


async def test_a_store_that_is_away_is_unavailable_for_everything(away: Snapshots) -> None:
    outcomes = await asyncio.wait_for(
        asyncio.gather(
            away.prepare(Shape("account", {})),
            away.load("account", ["alice"]),
            away.write("account", [snapshot()]),
            away.keep("account", [Kept("a", "i", "", 0, 0, "", b"", 2**41)]),
            away.kept("account", "alice", "i"),
            return_exceptions=True,
        ),
        timeout=20,
    )
    assert [type(outcome) for outcome in outcomes] == [SnapshotsUnavailable] * 5
    assert all(0 < len(str(outcome)) < 200 for outcome in outcomes)
    assert away.mark() == ""
