"""What the errors of a bulk mean."""

from __future__ import annotations

from typing import Any

import pytest

from natya.mongo.refusals import refusals
from natya.ports.snapshots import SnapshotsUnavailable


def error(index: int, code: int, text: str = "said", **more: Any) -> dict[str, Any]:
    return {"index": index, "code": code, "errmsg": text, **more}


def test_a_duplicate_id_is_told_apart_from_a_duplicate_in_somebodys_unique_index() -> None:
    told = refusals({
        "writeErrors": [
            error(0, 11000, keyPattern={"_id": 1}),
            error(2, 11000, "E11000 … index: state.email_1 dup key: …", keyPattern={"state.email": 1}),
            error(3, 11000, "E11000 duplicate key error collection: natya.account index: _id_ dup key: …"),
            error(4, 11000, "E11000 … index: state.email_1 dup key: …"),
        ]
    })  # fmt: skip
    assert told == {
        0: None, 2: "E11000 … index: state.email_1 dup key: …", 3: None, 4: "E11000 … index: state.email_1 dup key: …",
    }  # fmt: skip


@pytest.mark.parametrize("code", [17419, 121, 2, 171, 999_999])
def test_other_errors_are_the_documents_own(code: int) -> None:
    assert refusals({"writeErrors": [error(1, code, "too large")]}) == {1: "too large"}


@pytest.mark.parametrize("code", [10107, 91, 50, 14031, 13])
def test_trouble_of_the_store_is_no_fault_of_a_document(code: int) -> None:
    with pytest.raises(SnapshotsUnavailable, match="stepped down"):
        refusals({"writeErrors": [error(0, 11000, keyPattern={"_id": 1}), error(1, code, "stepped down")]})


def test_a_write_that_no_majority_acknowledged_is_unknown() -> None:
    with pytest.raises(SnapshotsUnavailable, match="not acknowledged by a majority: waiting for replication timed out"):
        refusals({
            "writeErrors": [error(0, 11000, keyPattern={"_id": 1})],
            "writeConcernErrors": [{"code": 64, "errmsg": "waiting for replication timed out"}],
        })  # fmt: skip


def test_nothing_refused() -> None:
    assert refusals({"writeErrors": [], "writeConcernErrors": []}) == {}
