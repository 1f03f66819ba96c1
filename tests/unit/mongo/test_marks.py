"""Marks as text."""

from __future__ import annotations

import pytest
from bson.timestamp import Timestamp

from natya.mongo.marks import Mark


def test_a_mark_is_read_as_it_was_told() -> None:
    mark = Mark.of(Timestamp(1795393957, 4))
    assert str(mark) == "1795393957.4"
    assert Mark.read(str(mark)) == mark
    assert mark.timestamp == Timestamp(1795393957, 4)


def test_the_empty_text_is_no_mark() -> None:
    assert Mark.read("") is None


def test_marks_are_ordered_by_time_then_by_count() -> None:
    assert Mark(9, 10) > Mark(9, 9) > Mark(8, 99)


@pytest.mark.parametrize("text", ["5", "5.", ".5", "a.b", "-1.2", "1.2.3", "٣.1", "1.4294967296"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a mark of a MongoDB store"):
        Mark.read(text)
