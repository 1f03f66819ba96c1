"""One snapshot as one document, without a store."""

from __future__ import annotations

import datetime
from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument

from natya.mongo.documents import MAX_BYTES, read, upsert
from natya.mongo.values import NotStorable
from natya.ports.snapshots import Snapshot

NOW = datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC)
PLAIN = {"_id": "alice", "v": 1, "j": 2, "m": 3, "schema": 4, "timers": {}}


def document(**fields: Any) -> RawBSONDocument:
    return RawBSONDocument(bson.encode({**PLAIN, **fields}))


def snapshot(state: bytes, key: str = "alice") -> Snapshot:
    return Snapshot(key=key, version=1, journal=1, mail=0, schema=1, state=state)


def test_a_document_may_have_exactly_what_mongodb_takes() -> None:
    empty = len(bson.encode({**PLAIN, "state": "", "updated": NOW}))
    upsert(snapshot(b'"' + b"x" * (MAX_BYTES - empty) + b'"'), None, NOW)
    with pytest.raises(NotStorable, match=f"too large: {MAX_BYTES + 1} bytes as a document, at most {MAX_BYTES}"):
        upsert(snapshot(b'"' + b"x" * (MAX_BYTES - empty + 1) + b'"'), None, NOW)


def test_a_key_or_number_that_bson_has_not_is_refused() -> None:
    with pytest.raises(NotStorable, match="not a BSON document"):
        upsert(snapshot(b"{}", key="\ud800"), None, NOW)
    with pytest.raises(NotStorable, match="not a BSON document"):
        upsert(Snapshot("alice", version=2**63, journal=1, mail=0, schema=1, state=None), None, NOW)


def test_what_others_put_into_a_state_can_be_read() -> None:
    strange = {"id": bson.ObjectId("0123456789abcdef01234567"), "never": bson.DatetimeMS(2**60), "$ref": "y", "bytes": b"x"}
    loaded = read(document(state=strange))
    assert loaded is not None
    assert b'"id":"0123456789abcdef01234567"' in (loaded.state or b"")


@pytest.mark.parametrize("exact", ["text", None, [], {"/at": 5}])
def test_an_exact_field_that_is_none_of_ours_is_ignored(exact: Any) -> None:
    loaded = read(document(state={"at": NOW}, exact=exact))
    assert loaded is not None
    assert loaded.state == b'{"at":"2026-01-31T00:00:00Z"}'


@pytest.mark.parametrize("wrong", [{"_id": 5}, {"v": "1"}, {"j": 1.5}, {"m": None}, {"schema": {}}, {"timers": []}])
def test_a_document_of_another_shape_is_not_ours(wrong: dict[str, Any]) -> None:
    assert read(document(**wrong)) is None
