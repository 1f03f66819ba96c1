"""States of other schemas: lifted, or refused with the reason."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from natya import Actor, Unavailable, migration, query
from natya.errors import ConfigurationError
from natya.manifest import Definition, StateTooNew, StateUnreadable
from natya.state import StateCodec


class Person(BaseModel):
    first: str = ""
    last: str = ""
    visits: int = 0


class Visitor(Actor[Person], schema=4):
    @query
    async def name(self) -> str:
        return self.state.first

    @migration(from_schema=1)
    @staticmethod
    def split(state: dict[str, Any]) -> dict[str, Any]:
        first, last = state.pop("name").split(" ")
        return {**state, "first": first, "last": last}

    @migration(from_schema=3)
    def count(state: dict[str, Any]) -> dict[str, Any]:
        return {**state, "visits": len(state.pop("log", []))}


visitor = Definition.of(Visitor)


def test_an_older_state_is_lifted_step_by_step() -> None:
    assert visitor.thaw(b'{"name":"Ada Lovelace","log":[1,2]}', 1) == Person(first="Ada", last="Lovelace", visits=2)
    assert visitor.thaw(b'{"first":"Ada","log":[1]}', 2) == Person(first="Ada", visits=1)
    assert visitor.thaw(b'{"first":"Ada"}', 4) == Person(first="Ada")


def test_no_stored_state_is_a_fresh_one() -> None:
    assert visitor.thaw(None, 1) == Person()
    assert visitor.thaw(None, 9) == Person()


def test_a_newer_state_is_refused() -> None:
    with pytest.raises(StateTooNew, match="has schema 5, this node knows 4") as caught:
        visitor.thaw(b"{}", 5)
    assert isinstance(caught.value, Unavailable)


@pytest.mark.parametrize(
    ("data", "schema", "message"),
    [
        (b'{"visits":"many"}', 4, "visits: Input should be a valid integer"),
        (b'{"first":', 4, "does not fit its model"),
        (b"[]", 4, "does not fit its model"),
        (b"{}", 1, r"migration of visitor from schema 1 failed: KeyError\('name'\)"),
        (b'{"name":', 1, "is not JSON"),
    ],
)
def test_a_state_that_cannot_be_read_says_why(data: bytes, schema: int, message: str) -> None:
    with pytest.raises(StateUnreadable, match=message):
        visitor.thaw(data, schema)


def test_migrations_that_cannot_be() -> None:
    with pytest.raises(ConfigurationError, match="a migration from schema 2, but the schema is 2"):
        StateCodec("person", Person, 2, {2: lambda state: state})
    with pytest.raises(ConfigurationError, match="there is another migration from schema 1"):

        class Twice(Actor[Person], schema=2):
            @query
            async def name(self) -> str:
                return ""

            @migration(from_schema=1)
            def a(state: dict[str, Any]) -> dict[str, Any]:
                return state

            @migration(from_schema=1)
            def b(state: dict[str, Any]) -> dict[str, Any]:
                return state

    with pytest.raises(ConfigurationError, match="must take the stored state alone, without self"):

        class Bound(Actor[Person], schema=2):
            @migration(from_schema=1)  # type: ignore[arg-type]
            def a(self, state: dict[str, Any]) -> dict[str, Any]:
                return state


def test_a_migration_that_gives_no_dictionary() -> None:
    nothing: Any = lambda state: None  # noqa: E731 - of a type that a migration must not have
    broken = StateCodec("person", Person, 2, {1: nothing})
    with pytest.raises(StateUnreadable, match="gave None, not a dict"):
        broken.thaw(b"{}", 1)
    broken = StateCodec("person", Person, 2, {1: lambda state: {"first": object()}})
    with pytest.raises(StateUnreadable, match="gave what is not JSON"):
        broken.thaw(b"{}", 1)
