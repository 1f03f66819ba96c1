"""How deep a body may be."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from natya.errors import Invalid
from natya_edge.body import check_depth


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def passes(body: bytes, most: int) -> bool:
    try:
        check_depth(body, most)
    except Invalid:
        return False
    return True


text = st.text(alphabet='a"\\[]{}é\n', max_size=6)
documents = st.recursive(
    st.none() | st.integers(0, 9) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=30,
)


@given(documents, st.integers(1, 6))
def test_exactly_what_is_deeper_is_refused(document: Any, most: int) -> None:
    assert passes(orjson.dumps(document), most) == (depth(document) <= most)


@pytest.mark.parametrize(
    "body", [b"[" * (1 << 20), b'{"a":' * 200_000, b"[" * 65 + b"[]" * 1_000, b'["' + b'\\"[' * 9 + b'"' + b"[" * 99]
)
def test_what_never_closes_is_refused_without_parsing(body: bytes) -> None:
    with pytest.raises(Invalid, match="more than 64 deep"):
        check_depth(body, 64)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"amount": 5}',
        b"[[]" * 60,
        b"]" * 1_000 + b"[" * 64,
        b'"' + b"[" * 1_000,
        b'["\\\\", ' + b'"' + b"[" * 99 + b'"]',
        b"[1]" * 900,
    ],
)
def test_what_is_not_deep_passes_be_it_json_or_not(body: bytes) -> None:
    check_depth(body, 64)
