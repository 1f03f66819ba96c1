"""Documents in a real store, looked at from both sides."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from natya.errors import ConfigurationError
from natya.mongo import MongoSnapshots, open_snapshots
from natya.mongo.marks import Mark
from natya.ports.snapshots import Kept, Shape, Snapshot, SnapshotsUnavailable
from natya.settings import Settings
from natya_ops.servers import StoreServer
from unit.mongo.strategies import VALUES, json_text, same

Raw = Database[dict[str, Any]]

DATED = Shape("account", {"properties": {"since": {"format": "date-time"}}, "additionalProperties": {"format": "date-time"}})


def snapshot(key: str = "alice", journal: int = 1, state: bytes | None = b"{}") -> Snapshot:
    return Snapshot(key=key, version=journal, journal=journal, mail=3, schema=2, state=state, timers={"due.soon": 4})


async def test_a_document_is_plain(snapshots: MongoSnapshots, raw: Raw) -> None:
    await snapshots.prepare(DATED)
    state = b'{"balance":5,"real":5.0,"since":"2026-01-31T12:00:00Z","tags":["a",null,true],"a.b":{"$c":1}}'
    before = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) - datetime.timedelta(seconds=1)
    await snapshots.write("account", [snapshot(state=state)])
    document = raw.account.find_one({"_id": "alice"})
    assert document is not None
    assert document.pop("updated") > before
    assert document == {
        "_id": "alice", "v": 1, "j": 1, "m": 3, "schema": 2, "timers": {"due%2Esoon": 4},
        "state": {
            "balance": 5, "real": 5.0, "since": datetime.datetime(2026, 1, 31, 12),  # noqa: DTZ001
            "tags": ["a", None, True], "a%2Eb": {"%24c": 1},
        },
    }  # fmt: skip
    assert type(document["state"]["balance"]) is int
    assert type(document["state"]["real"]) is float


async def test_an_exact_spelling_is_there_only_while_it_is_needed(snapshots: MongoSnapshots, raw: Raw) -> None:
    await snapshots.prepare(DATED)
    for journal, text, exact in [
        (1, "2026-01-31T12:00:00.123456Z", {"/since": "2026-01-31T12:00:00.123456Z"}),
        (2, "2026-01-31T12:00:00.123000Z", None),
    ]:
        state = json_text({"since": text})
        await snapshots.write("account", [snapshot(journal=journal, state=state)])
        document = raw.account.find_one({"_id": "alice"})
        assert document is not None
        assert document.get("exact") == exact
        assert same((await snapshots.load("account", ["alice"]))["alice"].state, {"since": text})


async def test_a_write_without_state_keeps_its_exact_spellings(snapshots: MongoSnapshots) -> None:
    await snapshots.prepare(DATED)
    state = {"since": "2026-01-31T12:00:00.123456+02:00"}
    await snapshots.write("account", [snapshot(state=json_text(state))])
    await snapshots.write("account", [snapshot(journal=2, state=None)])
    loaded = (await snapshots.load("account", ["alice"]))["alice"]
    assert loaded.journal == 2
    assert same(loaded.state, state)


@given(states=st.lists(VALUES | st.fixed_dictionaries({"since": VALUES}), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_state_comes_back_from_the_store(snapshots: MongoSnapshots, states: list[Any]) -> None:
    await snapshots.prepare(DATED)
    keys = [f"{threading.get_ident()}-{id(states)}-{number}" for number in range(len(states))]
    journal = 1 + max((one.journal for one in (await snapshots.load("account", keys)).values()), default=0)
    outcome = await snapshots.write(
        "account", [snapshot(key, journal, json_text(state)) for key, state in zip(keys, states, strict=True)]
    )
    assert (outcome.later, outcome.refused) == ({}, {})
    loaded = await snapshots.load("account", keys)
    assert all(same(loaded[key].state, state) for key, state in zip(keys, states, strict=True))


async def test_fields_that_others_add_stay(snapshots: MongoSnapshots, raw: Raw) -> None:
    await snapshots.write("account", [snapshot()])
    raw.account.update_one({"_id": "alice"}, {"$set": {"reviewed": True}})
    await snapshots.write("account", [snapshot(journal=2)])
    document = raw.account.find_one({"_id": "alice"})
    assert document is not None
    assert (document["j"], document["reviewed"]) == (2, True)


@pytest.mark.parametrize("foreign", [{"state": {"balance": 9}}, {"j": "one", "v": 1, "m": 1, "schema": 1}])
async def test_a_document_that_natya_did_not_write_is_left_alone(
    snapshots: MongoSnapshots, raw: Raw, foreign: dict[str, Any]
) -> None:
    raw.account.insert_one({"_id": "alice", **foreign})
    assert await snapshots.load("account", ["alice"]) == {}
    outcome = await snapshots.write("account", [snapshot(), snapshot("bob")])
    assert set(outcome.refused) == {"alice"}
    assert "was not written by Natya" in outcome.refused["alice"]
    assert raw.account.find_one({"_id": "alice"}) == {"_id": "alice", **foreign}
    assert set(await snapshots.load("account", ["alice", "bob"])) == {"bob"}


async def test_a_first_write_that_lost_a_race_is_repeated(
    snapshots: MongoSnapshots, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store tells a duplicate key for the later of two first writes, and holds the earlier one."""
    real, calls = snapshots._bulk, 0

    async def lose_once(collection: str, operations: Sequence[Any], session: Any) -> dict[int, str | None]:
        nonlocal calls
        calls += 1
        if calls > 1:
            return await real(collection, operations, session)
        raw.account.insert_one({"_id": "alice", "v": 1, "j": 1, "m": 0, "schema": 1, "timers": {}})
        return dict.fromkeys(range(len(operations)))

    monkeypatch.setattr(snapshots, "_bulk", lose_once)
    outcome = await snapshots.write("account", [snapshot(journal=2), snapshot("bob", 2)])
    assert (outcome.later, outcome.refused) == ({}, {})
    loaded = await snapshots.load("account", ["alice", "bob"])
    assert {key: one.journal for key, one in loaded.items()} == {"alice": 2, "bob": 2}


async def test_a_write_that_loses_every_race_is_unknown(snapshots: MongoSnapshots, monkeypatch: pytest.MonkeyPatch) -> None:
    async def lose(collection: str, operations: Sequence[Any], session: Any) -> dict[int, str | None]:
        return dict.fromkeys(range(len(operations)))

    monkeypatch.setattr(snapshots, "_bulk", lose)
    with pytest.raises(SnapshotsUnavailable, match="somebody else writes"):
        await snapshots.write("account", [snapshot()])


async def test_a_unique_index_that_somebody_made_refuses_only_its_document(snapshots: MongoSnapshots, raw: Raw) -> None:
    raw.account.create_index("state.email", unique=True)
    await snapshots.write("account", [snapshot(state=b'{"email":"a@b"}')])
    outcome = await snapshots.write(
        "account", [snapshot("bob", state=b'{"email":"a@b"}'), snapshot("carol", state=b'{"email":"c@d"}')]
    )
    assert (set(outcome.later), set(outcome.refused)) == (set(), {"bob"})
    assert "state.email" in outcome.refused["bob"]
    assert set(await snapshots.load("account", ["bob", "carol"])) == {"carol"}


async def test_preparing_makes_the_indexes(snapshots: MongoSnapshots, raw: Raw) -> None:
    await snapshots.prepare(Shape("account", {}, indexes=[[("balance", -1)], [("owner.name", 1), ("since", -1)]]))
    indexes = {name: index["key"] for name, index in raw.account.index_information().items()}
    assert indexes == {
        "_id_": [("_id", 1)],
        "state.balance_-1__id_-1": [("state.balance", -1), ("_id", -1)],
        "state.owner.name_1_state.since_-1__id_-1": [("state.owner.name", 1), ("state.since", -1), ("_id", -1)],
    }
    assert raw["natya.kept"].index_information()["expires_1"]["expireAfterSeconds"] == 0


async def test_an_index_in_conflict_is_a_configuration_error(snapshots: MongoSnapshots, raw: Raw) -> None:
    raw.account.create_index([("state.balance", 1), ("_id", 1)], name="mine")
    with pytest.raises(
        ConfigurationError, match=r"kind account declares the index state\.balance_1__id_1, but .* another name"
    ):
        await snapshots.prepare(Shape("account", {}, indexes=[[("balance", 1)]]))


async def test_what_is_remembered_can_be_read(snapshots: MongoSnapshots, raw: Raw) -> None:
    await snapshots.keep("account", [Kept("alice", "order-1", "5f3a", 1_000, 409, "no", b'{"x":1}', 4_102_444_800_123)])
    assert raw["natya.kept"].find_one() == {
        "_id": {"kind": "account", "token": "alice", "id": "order-1"}, "digest": "5f3a", "sent": 1_000, "code": 409,
        "slug": "no", "body": '{"x":1}', "expires": datetime.datetime(2100, 1, 1, 0, 0, 0, 123_000),  # noqa: DTZ001
    }  # fmt: skip


async def test_a_replica_set_tells_marks_and_takes_them(snapshots: MongoSnapshots) -> None:
    report = await snapshots.check()
    assert report.reachable
    assert report.replica_set
    await snapshots.write("account", [snapshot()])
    mark = Mark.read(snapshots.mark())
    assert mark is not None
    await snapshots.keep("account", [Kept("a", "i", "", 0, 0, "", b"", 4_102_444_800_000)])
    later = Mark.read(snapshots.mark())
    assert later is not None
    assert later > mark


async def test_text_that_is_no_mark_is_a_mistake(snapshots: MongoSnapshots) -> None:
    with pytest.raises(ValueError, match="is not a mark"):
        await snapshots.load("account", ["alice"], after="yesterday")


async def test_what_was_acknowledged_survives_a_kill_and_the_store_is_found_again(store_server: StoreServer) -> None:
    async with open_snapshots(Settings(store=store_server.url)) as snapshots:
        for journal in range(1, 101):
            assert (
                await snapshots.write("account", [snapshot("alice", journal), snapshot(f"n{journal}", journal)])
            ).later == {}
        await store_server.kill()
        with pytest.raises(SnapshotsUnavailable):
            await snapshots.load("account", ["alice"])
        assert not (await snapshots.check()).reachable
        await store_server.start()
        loaded = await snapshots.load("account", ["alice", *(f"n{journal}" for journal in range(1, 101))])
        assert len(loaded) == 101
        assert loaded["alice"].journal == 100
        await snapshots.write("account", [snapshot("alice", 101)])
