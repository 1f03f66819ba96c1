"""`Listings` over snapshots in memory: everything is looked at and sorted for each page."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from natya.dates import read_date
from natya.memory.snapshots import MemorySnapshots
from natya.ports.listing import Condition, Field, Listed, Operator, Order, Page, Position, Scalar, Search

_RANGES: Final[dict[Operator, Callable[[Any, Any], bool]]] = {
    Operator.ABOVE: operator.gt,
    Operator.FROM: operator.ge,
    Operator.BELOW: operator.lt,
    Operator.TO: operator.le,
}


@dataclass(frozen=True, slots=True)
class _Entry:
    listed: Listed
    state: Any


class MemoryListings:
    """What is in ``snapshots``; away while they are."""

    def __init__(self, snapshots: MemorySnapshots) -> None:
        self._snapshots = snapshots

    async def page(self, search: Search) -> Page:
        order = search.order_to_key
        found = [
            entry
            for entry in self._entries(search.kind)
            if all(_holds(condition, entry) for condition in search.where)
            and (not search.either or any(_holds(condition, entry) for condition in search.either))
            and all(_orderable(entry.state, one.field) for one in order[:-1])
        ]
        for one in reversed(order):
            found.sort(key=lambda entry, field=one.field: _rank(_single(entry, field)), reverse=one.descending)  # type: ignore[misc]
        if search.after is not None:
            found = [entry for entry in found if _behind(entry, order, search.after)]
        shown = found[: search.limit]
        more = len(found) > len(shown)
        return Page([entry.listed for entry in shown], _position(shown[-1], order) if more and shown else None)

    def _entries(self, kind: str) -> Iterator[_Entry]:
        for snapshot, written in self._snapshots.stored(kind):
            if snapshot.state is not None:
                listed = Listed(snapshot.key, snapshot.version, snapshot.schema, snapshot.state, written)
                yield _Entry(listed, json.loads(snapshot.state))


def _holds(condition: Condition, entry: _Entry) -> bool:
    found = list(_values(entry, condition.field))
    ranks = [_rank(value) for value in condition.values]
    match condition.operator:
        case Operator.IN:
            return any(_rank(value) in ranks for value in found)
        case Operator.NOT:
            return all(_rank(value) not in ranks for value in found)
        case Operator.PREFIX:
            return any(isinstance(value, str) and value.startswith(str(condition.values[0])) for value in found)
        case range:
            return any(_rank(value)[0] == ranks[0][0] and _RANGES[range](_rank(value), ranks[0]) for value in found)


def _behind(entry: _Entry, order: Sequence[Order], position: Position) -> bool:
    for one, value in zip(order, (*position.values, position.key), strict=True):
        here, there = _rank(_single(entry, one.field)), _rank(value)
        if here != there:
            return (here > there) is not one.descending
    return False


def _position(entry: _Entry, order: Sequence[Order]) -> Position:
    return Position(tuple(_single(entry, one.field) for one in order[:-1]), entry.listed.key)


def _rank(value: Any) -> tuple[int, Any]:
    """What values are ordered by: types first. Lists and objects are like nothing else."""
    match value:
        case None:
            return 0, 0
        case bool():
            return 3, value
        case int() | float():
            return 1, value
        case str():
            return 2, value
        case datetime():
            return 4, value
        case _:
            return 9, id(value)


def _single(entry: _Entry, field: Field) -> Scalar:
    found: Scalar = next(_values(entry, field))
    return found


def _values(entry: _Entry, field: Field) -> Iterator[Any]:
    """What a field holds: all members where a list is on the way or at its end, null where nothing is."""
    if not field.path:
        yield entry.listed.key
        return
    for value in _reach(entry.state, field.path):
        moment = read_date(value) if field.dated and isinstance(value, str) else None
        yield value if moment is None else moment


def _reach(value: Any, path: Sequence[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for member in value:
            yield from _reach(member, path)
    elif not path:
        yield value
    elif isinstance(value, dict):
        yield from _reach(value.get(path[0]), path[1:])
    else:
        yield None


def _orderable(state: Any, field: Field) -> bool:
    found = state
    for name in field.path:
        if isinstance(found, list):
            return False
        found = found.get(name) if isinstance(found, dict) else None
    return not isinstance(found, list | dict)
