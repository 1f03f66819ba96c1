"""Lists of a kind's actors, searched in their snapshots: as they were written last, never as they are now.

A list is a walk in an order that has no ties, since the key is the last thing that it is ordered by. A page says at which
`Position` it ends, and the next one begins behind that position, wherever it is by then: actors that come, go or move
between two pages shift nothing.

**Order.** Values of all types have one order: null (an absent field is null), numbers by value, text by code points,
false, true, dates. Ranges compare values of one type only: ``> 5`` finds no text. A field that is `Field.dated` holds dates,
which are compared by the millisecond; text there that is no date stays text. Under each field that a list is
ordered by only such single values count: an actor that has a list or an object there, perhaps in an older form of its state, is not
in the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, Protocol

Scalar = None | bool | int | float | Decimal | str | datetime
"""What a field is compared with. A `datetime` has no zone and is in UTC; a `Decimal` is a number that no other type holds."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the state, by the names that lead to it; no names: the actor's key. ``dated``: its text holds dates."""

    path: tuple[str, ...]
    dated: bool = False

    def __str__(self) -> str:
        return ".".join(self.path) or "key"


KEY: Final = Field(())


class Operator(StrEnum):
    """How a field is compared. Where a list is on the way, or at its end, one of its members is enough."""

    IN = "in"
    """One of the values."""
    NOT = "ne"
    """None of the values, of whatever type it is: also null."""
    ABOVE = "gt"
    FROM = "gte"
    BELOW = "lt"
    TO = "lte"
    PREFIX = "prefix"
    """Text that begins with the value, by code points."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold for a field. Only `Operator.IN` and `Operator.NOT` take other than one value; none of none is found."""

    field: Field
    operator: Operator
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """One field that a list is ordered by."""

    field: Field
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ends: the key, and the values of the fields that come before it in the order."""

    values: tuple[Scalar, ...]
    key: str


@dataclass(frozen=True, slots=True)
class Search:
    """A page of a list: actors of ``kind`` for which all conditions of ``where`` hold and one of ``either``, if there are any; in this
    order and then by key (in the direction of the last field); the first ``limit`` that come ``after`` a position of the same
    search."""

    kind: str
    where: Sequence[Condition] = ()
    either: Sequence[Condition] = ()
    order: Sequence[Order] = ()
    limit: int = 100
    after: Position | None = None

    @property
    def order_to_key(self) -> list[Order]:
        """The order down to the key, behind which there are no ties."""
        found: list[Order] = []
        for order in self.order:
            found.append(order)
            if order.field == KEY:
                return found
        return [*found, Order(KEY, found[-1].descending if found else False)]


@dataclass(frozen=True, slots=True)
class Listed:
    """An actor as its snapshot has it. ``state`` is its JSON text in the form ``schema``, as it was at ``version``; ``written``
    says when the snapshot was written, in ms since the epoch by the writer's clock."""

    key: str
    version: int
    schema: int
    state: bytes
    written: int


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list. ``next`` is where it ends, None if there was nothing behind it."""

    actors: Sequence[Listed]
    next: Position | None


class SearchTooSlow(Exception):
    """Raised when the store gave a search up at its limit of time."""


class Listings(Protocol):
    """The actors of all kinds that ever had a state of their own."""

    async def page(self, search: Search) -> Page:
        """Raises `natya.ports.store.StoreUnavailable`, `SearchTooSlow`. A page may have fewer actors than the limit and still
        a next one."""
        ...
