"""`natya.runtime.offer`: what an owner tells its successor, and comes out as it went in."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from natya.runtime.batch import Header, Position, encode
from natya.runtime.offer import Offer

RECORD = encode(
    Header(7, "n1", "b1", 40), [{"key": "a", "id": "m", "v": 1, "m": 0}], [], {"a": b'{"big":12345678901,"text":"\xc3\xa9"}'}
)
OFFER = Offer(
    "account", 3, revision=12, group=5, last=41, epoch=7, schema=2, sent=1_700_000_000_123, checkpoint=38, store="mark",
    unclean=9, mail=Position(17, {"b": 4, "c%2Ed": 9}), prepared=40, complete=True, tail=[(41, 1_700_000_000_456, RECORD)],
)  # fmt: skip


def test_it_comes_out_as_it_went_in_records_byte_for_byte() -> None:
    assert Offer.decode(OFFER.encode()) == OFFER


def test_without_a_tail_too() -> None:
    bare = replace(OFFER, complete=False, tail=[], mail=Position())
    assert Offer.decode(bare.encode()) == bare


def test_it_is_json_that_a_person_can_read() -> None:
    document = orjson.loads(OFFER.encode())
    assert document["kind"] == "account"
    assert document["tail"][0][2]["turns"][0]["key"] == "a"


def test_what_a_newer_version_of_the_code_adds_is_left_out() -> None:
    document = orjson.loads(OFFER.encode())
    assert Offer.decode(orjson.dumps({**document, "mood": "good"})) == OFFER


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not JSON",
        b"[]",
        b"{}",
        b'{"kind":"account","partition":3}',
        orjson.dumps({**orjson.loads(OFFER.encode()), "tail": [[1, 2]]}),
        orjson.dumps({**orjson.loads(OFFER.encode()), "mail": None}),
        orjson.dumps({key: value for key, value in orjson.loads(OFFER.encode()).items() if key != "prepared"}),
    ],
)
def test_what_is_none_is_refused_in_one_of_three_ways(data: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Offer.decode(data)
