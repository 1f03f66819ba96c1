"""Bounds on what one of many may have under way."""

from __future__ import annotations

import pytest

from natya.errors import Overloaded
from natya_edge.load.bulkhead import Bulkhead


def test_one_that_is_full_leaves_room_for_the_others() -> None:
    bulkhead = Bulkhead("kind", 2)
    bulkhead.enter("a")
    bulkhead.enter("a")
    with pytest.raises(Overloaded, match="2 requests of the kind a are under way") as refused:
        bulkhead.enter("a")
    assert refused.value.retry_after == 1
    bulkhead.enter("b")
    bulkhead.leave("a")
    bulkhead.enter("a")
    assert bulkhead.refused == 1


def test_names_with_nothing_under_way_take_no_memory() -> None:
    bulkhead = Bulkhead("principal", 2)
    for number in range(100):
        bulkhead.enter(str(number))
        bulkhead.leave(str(number))
    assert len(bulkhead) == 0
