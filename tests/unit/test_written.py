"""Up to when everything is in the store, from what the owners of all partitions say."""

from __future__ import annotations

import pytest

from natya.errors import Unavailable
from natya.message import Answer
from natya.names import partition_of
from natya.written import a_key_of_each, all_written, encode_written


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ((None, None), 50),
        ((40, None), 40),
        ((None, 100), 50),  # the first may have got something after it was asked, and before the second
        ((45, 30), 30),
    ],
)
def test_it_is_the_earliest_of_all_and_never_later_than_the_question(said: tuple[int | None, ...], found: int) -> None:
    assert all_written(50, [encode_written(since) for since in said]) == found


def test_without_one_of_the_owners_it_is_unknown() -> None:
    assert all_written(50, [encode_written(None), Answer.of(Unavailable("away"))]) is None


@pytest.mark.parametrize("partitions", [1, 16, 256])
def test_every_partition_has_a_key(partitions: int) -> None:
    assert [partition_of(key, partitions) for key in a_key_of_each(partitions)] == list(range(partitions))
