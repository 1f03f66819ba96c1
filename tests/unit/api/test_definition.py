"""What is read off an actor's class, and what is refused when the class is made."""

from __future__ import annotations

import types
from typing import Any, Generic, TypeVar

import orjson
import pytest
from pydantic import BaseModel, PositiveInt

from natya import Actor, StatelessActor, command, query
from natya.errors import ConfigurationError
from natya.manifest import Definition, definitions_in


class Count(BaseModel):
    count: int = 0


class Counter(Actor[Count], partitions=4, schema=3, idle_after=5.0, indexes=[[("count", -1)]], version="1.2"):
    """Counts.

    Slowly.
    """

    @command
    async def add(self, by: PositiveInt = 1) -> int:
        """Add to it."""
        self.state.count += by
        return self.state.count

    @query(name="total", scope="read", max_age=2.5)
    async def read(self) -> int:
        return self.state.count


class HTTPCacheEntry(StatelessActor):
    @query
    async def get(self) -> str:
        return self.key


def test_options_and_docs_are_read_off_the_class() -> None:
    found = Definition.of(Counter)
    assert (found.kind, found.partitions, found.schema, found.idle_after, found.version) == ("counter", 4, 3, 5.0, "1.2")
    assert found.indexes == ((("count", -1),),)
    assert found.doc == "Counts.\n\nSlowly."
    assert not found.stateless
    assert found.actor is Counter


def test_a_kind_is_the_class_name_in_snake_case() -> None:
    assert Definition.of(HTTPCacheEntry).kind == "http_cache_entry"


def test_methods_are_by_their_name_on_the_wire() -> None:
    found = Definition.of(Counter)
    assert set(found.methods) == {"add", "total"}
    assert set(found.attributes) == {"add", "read"}
    assert found.methods["total"].query
    assert not found.methods["add"].query


async def test_a_method_runs_on_an_instance_with_parsed_arguments() -> None:
    found = Definition.of(Counter)
    actor = found.instance("a", found.fresh())
    add = found.methods["add"]
    assert await add.function(actor, **add.parse(b'{"by":3}')) == 3
    assert await add.function(actor, **add.parse(b"")) == 4
    assert actor.key == "a"


def test_the_manifest_says_what_others_may_know() -> None:
    found = Definition.of(Counter).manifest()
    assert orjson.loads(orjson.dumps(found)) == found
    assert found["methods"]["total"] == {
        "doc": "",
        "query": True,
        "access": {"scope": "read", "anyone": True, "owner": "", "roles": [], "owned": []},
        "max_age": 2.5,
        "deprecated": None,
        "parameters": {"additionalProperties": False, "properties": {}, "title": "counter.total", "type": "object"},
        "result": {"type": "integer"},
    }
    assert found["methods"]["add"]["parameters"]["properties"]["by"] == {
        "default": 1,
        "exclusiveMinimum": 0,
        "title": "By",
        "type": "integer",
    }
    assert found["state"]["properties"]["count"]["type"] == "integer"


def test_the_digest_tells_different_code_apart_and_nothing_else() -> None:
    def make(limit: type, name: str = "same") -> dict[str, Any]:
        class Made(StatelessActor, kind=name):
            @query
            async def get(self, x: limit) -> int:  # type: ignore[valid-type]
                return 1

        return Definition.of(Made).manifest()

    assert make(int)["digest"] == make(int)["digest"]
    assert make(int)["digest"] != make(str)["digest"]
    assert make(int)["digest"] != make(int, "other")["digest"]


def test_a_stateless_kind_has_no_state() -> None:
    found = Definition.of(HTTPCacheEntry)
    assert found.stateless
    assert found.fresh() is None
    assert found.freeze(None) == b"null"
    assert found.thaw(b"null", 1) is None
    assert found.state_schema() == {"type": "null"}


def test_methods_come_from_mixins_and_generic_bases() -> None:
    M = TypeVar("M", bound=BaseModel)

    class Describes:
        @query
        async def describe(self) -> str:
            return "described"

    class Base(Actor[M], Generic[M], abstract=True):
        @query
        async def base(self) -> int:
            return 1

    class Both(Describes, Base[Count]):
        @command
        async def add(self) -> None: ...

    assert set(Definition.of(Both).methods) == {"describe", "base", "add"}
    assert isinstance(Definition.of(Both).fresh(), Count)
    with pytest.raises(ConfigurationError, match="Base is no kind of actor"):
        Definition.of(Base)


def test_a_subclass_is_a_kind_of_its_own_and_may_override() -> None:
    class Twice(Counter):
        @command
        async def add(self, by: PositiveInt = 2) -> int:
            return by

    found = Definition.of(Twice)
    assert (found.kind, found.partitions, found.schema) == ("twice", 16, 1)
    assert found.methods["add"].manifest()["parameters"]["properties"]["by"]["default"] == 2
    assert "total" in found.methods


# modules --------------------------------------------------------------------------------------------------------------


def module(**members: object) -> types.ModuleType:
    made = types.ModuleType("app")
    vars(made).update(members)
    return made


def test_the_kinds_of_a_module_are_found_once_and_sorted() -> None:
    found = definitions_in(module(B=HTTPCacheEntry, A=Counter, again=Counter, Actor=Actor, other=3, int=int))
    assert [definition.kind for definition in found] == ["counter", "http_cache_entry"]


def test_a_module_without_actors() -> None:
    with pytest.raises(ConfigurationError, match="app has no actors"):
        definitions_in(module(Actor=Actor))


def test_two_classes_that_claim_one_kind() -> None:
    class Other(StatelessActor, kind="counter"):
        @query
        async def get(self) -> int:
            return 1

    with pytest.raises(ConfigurationError, match=r"Counter and .*Other both claim the kind 'counter'"):
        definitions_in(module(A=Counter, B=Other))
