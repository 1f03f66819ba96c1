"""Any JSON value, and the text that it has."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = TEXTS | st.text(alphabet=".$%24~/ea\x00", max_size=6)
NUMBERS = (
    st.integers(min_value=-(10**34) + 1, max_value=10**34 - 1)
    | st.sampled_from([2**31, -(2**31) - 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64 - 1, 2**64])
    | st.floats(allow_nan=False, allow_infinity=False)
)
DATES = st.sampled_from(
    ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.120000Z", "2026-01-31T12:00:00.123456+02:00", "2026-01-31"]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS | DATES,
    lambda values: st.lists(values, max_size=4) | st.dictionaries(NAMES, values, max_size=4),
    max_leaves=20,
)


def json_text(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def same(text: bytes | None, value: Any) -> bool:
    """Whether ``text`` is the JSON of ``value``: types, signs of zero and the order of names included."""
    return text is not None and repr(json.loads(text)) == repr(value)
