"""Header blocks: written safely, read liberally."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natya.errors import Invalid
from natya.jetstream.headers import description_of, encode_headers, parse_headers, status_of, strip_nats_headers

names = st.text(alphabet="abcABC-_019", min_size=1, max_size=12)
values = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=30)


@given(st.dictionaries(names, values, max_size=6))
def test_what_is_written_is_read_back_without_surrounding_space(headers: dict[str, str]) -> None:
    assert parse_headers(encode_headers(headers)) == {name: value.strip(" \t\v\f") for name, value in headers.items()}


@pytest.mark.parametrize("headers", [{"A": "b\r\nNats-Rollup: all"}, {"A\nB": "c"}, {"A": "b\r"}])
def test_a_line_break_cannot_smuggle_a_header_in(headers: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="line break"):
        encode_headers(headers)


def test_a_header_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(Invalid, match="Unicode"):
        encode_headers({"A": "\ud800"})


def test_bytes_that_are_not_utf_8_do_not_spoil_the_other_headers() -> None:
    assert parse_headers(b"NATS/1.0\r\nA: \xff\r\nB: c\r\nnonsense\r\n\r\n") == {"A": "\ufffd", "B": "c"}


@pytest.mark.parametrize("value", [b"a\nb", b"a\rb", b"a\n\rb", b"a\r\r\nB: c"])
def test_what_was_read_can_be_sent_on(value: bytes) -> None:
    headers = parse_headers(b"NATS/1.0\r\nA: " + value + b"\r\n\r\n")
    assert headers["A"].startswith("a\ufffd")
    assert parse_headers(encode_headers(headers)) == headers


def test_of_two_headers_with_one_name_the_last_counts() -> None:
    assert parse_headers(b"NATS/1.0\r\nA: 1\r\nA: 2\r\n\r\n") == {"A": "2"}


@pytest.mark.parametrize(
    ("block", "status", "description"),
    [
        (None, 0, ""),
        (b"NATS/1.0\r\nStatus: 503\r\n\r\n", 0, ""),
        (b"NATS/1.0 503\r\n\r\n", 503, ""),
        (b"NATS/1.0 408 Request Timeout\r\nX: y\r\n\r\n", 408, "Request Timeout"),
        (b"NATS/1.0 abc\r\n\r\n", 0, ""),
    ],
)
def test_the_status_is_on_the_first_line_only(block: bytes | None, status: int, description: str) -> None:
    assert status_of(block) == status
    if status and block is not None:
        assert description_of(block) == description


def test_headers_that_nats_acts_on_are_stripped_however_they_are_spelled() -> None:
    given_headers = {"Nats-Rollup": "all", "nats-ttl": "1", " NATS-Msg-Id": "x", "Natya-Id": "1", "Other": "2"}
    assert strip_nats_headers(given_headers) == {"Natya-Id": "1", "Other": "2"}
    assert strip_nats_headers(given_headers, keep=("Nats-Rollup",)) == {"Nats-Rollup": "all", "Natya-Id": "1", "Other": "2"}
