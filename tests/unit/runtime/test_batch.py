"""`natya.runtime.batch`: a record comes back as it was written, and can be read by people."""

from __future__ import annotations

import orjson
import pytest

from natya.message import Answer, Outgoing
from natya.runtime.batch import (
    Header,
    Position,
    UnreadableRecord,
    decode,
    decode_answer,
    decode_outgoing,
    encode,
    encode_answer,
    encode_outgoing,
)


def test_a_header_comes_back() -> None:
    header = Header(7, "n1", "b1", schema=2, since=5, sent=9, checkpoint=3, store="m", mail=Position(10, {"a": 4}))
    assert decode(encode(header)).header == header
    fence = Header(8, "n2", "b2", fence=True)
    assert decode(encode(fence)).header == fence


@pytest.mark.parametrize("answer", [Answer(b"5"), Answer(b"null"), Answer(b'{"detail":"no"}', 409, "refused")])
def test_an_answer_comes_back(answer: Answer) -> None:
    line: dict[str, object] = {"key": "a"}
    encode_answer(line, answer)
    (again,) = decode(encode(Header(1, "n", "b"), [line])).turns
    assert decode_answer(again) == answer


@pytest.mark.parametrize(
    "out",
    [
        Outgoing("natya.tell.a.b.c", b'{"x":1}', {"h": "v"}, to="b"),
        Outgoing("natya.event.a.b.c", b""),
        Outgoing("_INBOX.1", b"5", {"h": "v"}, stored=False),
    ],
)
def test_an_outgoing_message_comes_back(out: Outgoing) -> None:
    (line,) = orjson.loads(orjson.dumps([encode_outgoing(out)]))
    assert decode_outgoing(line) == out


def test_states_stand_in_the_record_as_json() -> None:
    data = encode(Header(1, "n", "b"), states={"a": b'{"balance":5}'})
    assert orjson.loads(data)["states"] == {"a": {"balance": 5}}


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"format":2}', b"\xff"])
def test_what_is_no_record_is_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableRecord):
        decode(data)


def test_mail_below_the_least_undone_letter_is_not_needed() -> None:
    assert Position(10, {}).least() == 11
    assert Position(10, {"a": 4, "b": 7}).least() == 4
    assert Position(10, {"a": 15}).least() == 11
