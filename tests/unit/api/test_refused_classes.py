"""Classes that cannot be actors are refused when they are made, and told what to change."""

from __future__ import annotations

import types
from typing import Any

import pytest
from pydantic import BaseModel, Field

from natya import Actor, StatelessActor, command, migration, query
from natya.actor import AnyActor
from natya.errors import ConfigurationError
from natya.manifest import Definition


class Count(BaseModel):
    count: int = 0


def refused(match: str) -> Any:
    return pytest.raises(ConfigurationError, match=match)


def test_a_method_that_is_not_async() -> None:
    with refused("get must be `async def`"):

        class Made(StatelessActor):
            @query  # type: ignore[arg-type]
            def get(self) -> int:
                return 1


@pytest.mark.parametrize("name", ["state", "key", "ask", "tell", "emit", "actor", "caller", "now"])
@pytest.mark.parametrize("base", [StatelessActor, Actor[Count]])
def test_names_that_belong_to_the_platform(name: str, base: Any) -> None:
    async def body(self: object) -> None: ...

    with refused(f"Made.{name}: the name belongs to the platform"):
        types.new_class("Made", (base,), {}, lambda members: members.update({name: command(body)}))


def test_a_hook_that_is_decorated_or_not_async() -> None:
    with refused("on_activate must be `async def on_activate"):

        class Decorated(StatelessActor):
            @command
            async def on_activate(self) -> None: ...

    with refused("on_activate must be `async def on_activate"):

        class Sync(StatelessActor):
            def on_activate(self) -> None: ...  # type: ignore[override]


def test_an_init() -> None:
    with refused("must not have __init__: compute attributes in on_activate"):

        class Made(StatelessActor):
            def __init__(self) -> None: ...


def test_parameters_that_json_cannot_name() -> None:
    with refused(r"made.get: .*\*args.* cannot be named in JSON"):

        class Made(StatelessActor):
            @query
            async def get(self, *args: int) -> int:
                return 1

    with refused("cannot be named in JSON"):

        class Made2(StatelessActor):
            @query
            async def get(self, x: int, /) -> int:
                return 1

    with refused("cannot be named in JSON"):

        class Made3(StatelessActor):
            @query  # type: ignore[arg-type]
            async def get(self, **more: int) -> int:
                return 1


def test_missing_annotations() -> None:
    with refused("made.get: the parameter x has no annotation"):

        class Made(StatelessActor):
            @query
            async def get(self, x) -> int:  # type: ignore[no-untyped-def]
                return 1

    with refused("made2.get: say what it returns"):

        class Made2(StatelessActor):
            @query
            async def get(self, x: int):  # type: ignore[no-untyped-def]
                return 1


def test_an_annotation_that_is_not_known_yet() -> None:
    with refused("made.get: name 'Later' is not defined: annotations are read when the class is made"):

        class Made(StatelessActor):
            @query
            async def get(self) -> Later:
                return Later()

    class Later(BaseModel): ...


def test_an_annotation_that_pydantic_cannot_have() -> None:
    with refused("made.get"):

        class Made(StatelessActor):
            @query
            async def get(self, x: Definition) -> int:
                return 1


def test_a_field_as_default() -> None:
    with refused(r"write x as Annotated\["):

        class Made(StatelessActor):
            @query
            async def get(self, x: int = Field(default=3)) -> int:
                return x


def test_a_class_without_methods() -> None:
    with refused("made has no methods"):

        class Made(StatelessActor): ...


def test_two_methods_of_one_name() -> None:
    with refused("a and b are both named 'a'"):

        class Made(StatelessActor):
            @query
            async def a(self) -> int:
                return 1

            @query(name="a")
            async def b(self) -> int:
                return 1


@pytest.mark.parametrize("kind", ["Account", "9lives", "a-b", "", "a.b"])
def test_a_kind_that_cannot_be_a_subject(kind: str) -> None:
    with refused("is not a kind"):
        types.new_class("Made", (StatelessActor,), {"kind": kind}, lambda members: members.update({"get": _get}))


@pytest.mark.parametrize(("option", "value"), [("partitions", 0), ("partitions", True), ("schema", 0), ("schema", "1")])
def test_options_out_of_range(option: str, value: object) -> None:
    with refused(f"{option} must be a whole number from 1"):
        types.new_class("Made", (Actor[Count],), {option: value}, lambda members: members.update({"get": _get}))


@query
async def _get(self: AnyActor) -> int:
    return 1


def test_an_index_on_no_field() -> None:
    with refused("an index on 'sum', which is no field of Count"):

        class Made(Actor[Count], indexes=[[("sum", 1)]]):
            @query
            async def get(self) -> int:
                return 1

    with refused("1 is ascending, -1 descending"):

        class Made2(Actor[Count], indexes=[[("count", 2)]]):
            @query
            async def get(self) -> int:
                return 1


def test_a_state_that_is_not_said() -> None:
    with refused("does not say what its state is"):

        class Made(Actor):  # type: ignore[type-arg]
            @query
            async def get(self) -> int:
                return 1


def test_a_state_without_defaults() -> None:
    class Needs(BaseModel):
        name: str

    with refused("Needs cannot be made without arguments, give every field a default: name"):

        class Made(Actor[Needs]):
            @query
            async def get(self) -> int:
                return 1


def test_a_stateless_kind_with_migrations() -> None:
    with refused("made is stateless"):

        class Made(StatelessActor, schema=2):
            @query
            async def get(self) -> int:
                return 1

            @migration(from_schema=1)
            def lift(state: dict[str, Any]) -> dict[str, Any]:
                return state
