"""The page about documents is true: its queries run and its fields are those that are written."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pymongo.database import Database

from natya.mongo import MongoSnapshots
from natya.ports.snapshots import Kept, Shape, Snapshot

PAGE = (Path(__file__).parents[3] / "docs" / "documents.md").read_text()
DAY = datetime.datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=datetime.UTC)


class State(BaseModel):
    balance: int
    since: datetime.datetime
    limits: dict[str, float] = {}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


async def write(snapshots: MongoSnapshots) -> None:
    states = {
        "alice@example.com": State(balance=120, since=DAY, limits={"alice@example.com": 5.5}),
        "bob": State(balance=300, since=DAY + datetime.timedelta(days=30)),
        "carol": State(balance=7, since=DAY, limits={"alice@example.com": 4.5}),
    }
    await snapshots.prepare(Shape("account", State.model_json_schema(), indexes=[[("balance", -1)]]))
    await snapshots.write(
        "account",
        [
            Snapshot(key, version=1, journal=1, mail=0, schema=1, state=state.model_dump_json().encode())
            for key, state in states.items()
        ],
    )


async def test_the_queries_run(snapshots: MongoSnapshots, raw: Database[dict[str, Any]]) -> None:
    await write(snapshots)
    (code,) = blocks("python")
    found: dict[str, Any] = {"db": raw}
    exec(code, found)
    assert [one["_id"] for one in found["richest"]] == ["bob", "alice@example.com"]
    assert {one["_id"] for one in found["old"]} == {"alice@example.com", "carol"}
    assert [one["_id"] for one in found["limited"]] == ["alice@example.com"]
    assert found["totals"] == [{"_id": None, "total": 427, "accounts": 3}]


async def test_the_fields_are_those_that_are_written(snapshots: MongoSnapshots, raw: Database[dict[str, Any]]) -> None:
    await write(snapshots)
    await snapshots.keep("account", [Kept("alice", "order-1", "5f3a", 0, 0, "", b"{}", 4_102_444_800_000)])
    shape, kept = (json.loads(block) for block in blocks("json"))
    document = raw.account.find_one({"_id": "alice@example.com"})
    outcome = raw["natya.kept"].find_one()
    assert document is not None
    assert outcome is not None
    assert set(document) == set(shape)
    assert document["exact"] == shape["exact"]
    assert set(outcome) == set(kept)
    assert list(outcome["_id"]) == list(kept["_id"])
