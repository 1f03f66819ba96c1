"""Which strings become BSON dates, and that every one comes back in its own spelling."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, RootModel

from natya.mongo.dates import Places, restore
from natya.mongo.values import dump, parse

NOON = datetime.datetime(2026, 1, 31, 12)  # noqa: DTZ001  as BSON dates are read
TEXT = "2026-01-31T12:00:00Z"


class Line(BaseModel):
    at: datetime.datetime
    note: str = ""
    more: list[Line] = []


class Everything(BaseModel):
    since: datetime.datetime
    until: datetime.datetime | None = None
    days: list[datetime.datetime] = []
    pair: tuple[str, datetime.datetime] = ("", NOON)
    by_name: dict[str, datetime.datetime] = {}
    lines: dict[str, list[Line]] = {}
    either: int | Line | str = 0
    text: str = TEXT
    day: datetime.date = NOON.date()
    other: dict[str, str] = {}


def stored(schema: Mapping[str, Any], text: bytes) -> tuple[Any, dict[str, str]]:
    exact: dict[str, str] = {}
    places = Places.of(schema)
    value = parse(text)
    return (places.apply(value, exact) if places else value), exact


def loaded(value: Any, exact: dict[str, str]) -> bytes:
    document = bson.decode(bson.encode({"state": value, "exact": exact}))
    return dump(restore(document["state"], document["exact"]))


def test_dates_are_found_wherever_a_model_can_have_them() -> None:
    at = NOON.replace(tzinfo=datetime.UTC)
    line = Line(at=at, note=TEXT, more=[Line(at=at, note="b")])
    state = Everything(
        since=at, until=at, days=[at, at], pair=(TEXT, at), by_name={"a.b": at}, lines={"x/y": [line]}, either=line
    )
    value, exact = stored(Everything.model_json_schema(), state.model_dump_json().encode())
    told = {"at": NOON, "note": TEXT, "more": [{"at": NOON, "note": "b", "more": []}]}
    assert value == {
        "since": NOON, "until": NOON, "days": [NOON, NOON], "pair": [TEXT, NOON], "by_name": {"a%2Eb": NOON},
        "lines": {"x/y": [told]}, "either": told, "text": TEXT, "day": "2026-01-31", "other": {},
    }  # fmt: skip
    assert exact == {}


def test_the_schema_as_serialised_says_the_same() -> None:
    state = Everything(since=NOON.replace(tzinfo=datetime.UTC)).model_dump_json().encode()
    value, _ = stored(Everything.model_json_schema(mode="serialization"), state)
    assert value["since"] == NOON
    assert value["until"] is None


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object", "properties": {"at": {"type": "string"}}, "additionalProperties": True},
        {"$ref": "#/$defs/Node", "$defs": {"Node": {"properties": {"next": {"$ref": "#/$defs/Node"}}}}},
        {"$ref": "#/$defs/Missing"},
        {"properties": {"format": {"type": "string"}, "$ref": {"type": "string"}}},
    ],
)
def test_a_state_without_dates_is_not_walked(schema: dict[str, Any]) -> None:
    assert Places.of(schema) is None


@pytest.mark.parametrize("combined", ["anyOf", "oneOf", "allOf"])
def test_combined_schemas_count_together(combined: str) -> None:
    schema = {
        combined: [
            {"properties": {"a": {"format": "date-time"}}},
            {"properties": {"b": {"items": {"format": "date-time"}}}, "patternProperties": {"^x": {"format": "date-time"}}},
        ]
    }
    value, _ = stored(schema, dump({"a": TEXT, "b": [TEXT], "x1": TEXT}))
    assert value == {"a": NOON, "b": [NOON], "x1": NOON}


def test_a_state_may_be_a_date_itself() -> None:
    schema = RootModel[datetime.datetime].model_json_schema()
    value, exact = stored(schema, b'"2026-01-31T12:00:00.123456Z"')
    assert value == NOON.replace(microsecond=123000)
    assert loaded(value, exact) == b'"2026-01-31T12:00:00.123456Z"'


@pytest.mark.parametrize(
    "text", [TEXT, "2026-01-31T12:00:00.120000Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999000Z"]
)
def test_a_date_that_bson_can_keep_has_no_exact_spelling(text: str) -> None:
    value, exact = stored({"format": "date-time"}, f'"{text}"'.encode())
    assert type(value) is datetime.datetime
    assert exact == {}
    assert loaded(value, exact) == f'"{text}"'.encode()


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2026-01-31T12:00:00.123456Z", NOON.replace(microsecond=123000)),
        ("2026-01-31T12:00:00.999999999Z", NOON.replace(microsecond=999000)),
        ("2026-01-31T14:00:00+02:00", NOON),
        ("2026-01-31T12:00:00+00:00", NOON),
        ("2026-01-31T12:00:00", NOON),
        ("2026-01-31t12:00:00z", None),
        ("2026-01-31 12:00:00Z", NOON),
        ("2026-01-31T12:00:00.12Z", NOON.replace(microsecond=120000)),
        ("1969-12-31T23:59:59.999999Z", NOON.replace(1969, 12, 31, 23, 59, 59, 999000)),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-01:00", None),
        ("2026-02-30T00:00:00Z", None),
        ("2026-01-31", None),
        ("2026-01-31T12:00:00+02:00Z", None),
        ("soon", None),
        ("", None),
    ],
)
def test_every_spelling_comes_back(text: str, date: datetime.datetime | None) -> None:
    value, exact = stored({"properties": {"a/b~c": {"format": "date-time"}}}, dump({"a/b~c": text}))
    assert value == {"a/b~c": date or text}
    assert exact == ({"/a~1b~0c": text} if date else {})
    assert loaded(value, exact) == dump({"a/b~c": text})


ZONES = st.none() | st.timezones() | st.just(datetime.UTC)


@given(st.lists(st.datetimes(timezones=ZONES), max_size=3))
def test_whatever_pydantic_writes_comes_back(dates: list[datetime.datetime]) -> None:
    class State(BaseModel):
        dates: list[datetime.datetime]

    text = State(dates=dates).model_dump_json().encode()
    value, exact = stored(State.model_json_schema(), text)
    assert loaded(value, exact) == text


def test_a_date_that_somebody_changed_is_not_undone_by_its_old_spelling() -> None:
    exact = {
        "/at": "2026-01-31T14:00:00+02:00",
        "/gone/0": TEXT,
        "/list/9": TEXT,
        "/text": TEXT,
        "/list/x": TEXT,
        "odd": "x",
    }
    state = {"at": NOON.replace(hour=13), "list": [], "text": "plain"}
    assert restore(state, exact) == {"at": NOON.replace(hour=13), "list": [], "text": "plain"}
