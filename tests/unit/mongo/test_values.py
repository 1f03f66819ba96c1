"""JSON text to BSON and back."""

from __future__ import annotations

from typing import Any

import bson
import pytest
from bson.decimal128 import Decimal128
from hypothesis import given

from natya.mongo.values import MAX_DEPTH, NotStorable, dump, load_name, load_names, parse, store_name
from unit.mongo.strategies import NAMES, VALUES, json_text, same


@given(VALUES)
def test_any_json_value_survives_bson(value: Any) -> None:
    stored = bson.decode(bson.encode({"state": parse(json_text(value))}))["state"]
    assert same(dump(load_names(stored)), value)


@given(NAMES)
def test_a_field_name_can_stand_in_a_query_path_and_comes_back(name: str) -> None:
    stored = store_name(name)
    assert "." not in stored
    assert "\0" not in stored
    assert not stored.startswith("$")
    assert load_name(stored) == name


@pytest.mark.parametrize(
    ("name", "stored"),
    [("owner", "owner"), ("a.b", "a%2Eb"), ("$set", "%24set"), ("a$", "a$"), ("50%", "50%25"), ("a\0b", "a%00b"), ("", "")],
)
def test_only_what_cannot_be_in_a_field_name_is_encoded(name: str, stored: str) -> None:
    assert store_name(name) == stored


@pytest.mark.parametrize(
    ("text", "kind"),
    [(b"1", int), (b"1.0", float), (b"9223372036854775807", int), (b"9223372036854775808", Decimal128), (b"1e30", float)],
)
def test_a_number_keeps_its_type(text: bytes, kind: type) -> None:
    assert type(parse(text)) is kind


def test_a_real_number_beside_a_wide_whole_number_stays_real() -> None:
    assert dump(parse(b"[1e+30,1180591620717411303424,1.0]")) == b"[1e+30,1180591620717411303424,1.0]"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "not JSON"),
        (b"{'a':1}", "not JSON"),
        (b'{"a":NaN}', "not JSON"),
        (b"[1180591620717411303424,NaN]", "not JSON"),
        (b'"\\ud800"', "not JSON"),
        (b"1" + b"0" * 34, "more than 34 digits"),
        (b"[" * 100 + b"]" * 100, "deeper than 100 levels"),
        (b'{"a":' * 300 + b"1" + b"}" * 300, "deeper than 100 levels"),
        (b"[" * 100_000 + b"]" * 100_000, "not JSON"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_the_reason(text: bytes, why: str) -> None:
    with pytest.raises(NotStorable, match=why):
        parse(text)


def test_the_deepest_state_that_fits_is_stored() -> None:
    text = b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1)
    assert dump(parse(text)) == text


def test_what_others_put_into_a_document_is_told_as_json() -> None:
    identity = bson.ObjectId()
    assert dump([identity, Decimal128("1.50"), Decimal128("NaN"), bson.Int64(5)]) == f'["{identity}",1.50,null,5]'.encode()
