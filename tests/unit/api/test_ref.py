"""References outside of a turn: what a client hands out."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pydantic import BaseModel, PositiveInt

from natya import Actor, Invalid, command, query
from natya.actor import reference
from natya.ref import Options, Ref


class Count(BaseModel):
    count: int = 0


class Counter(Actor[Count]):
    @command
    async def add(self, by: PositiveInt, note: str = "") -> Count:
        return self.state

    @query(name="total")
    async def read(self) -> int:
        return self.state.count


class Wire:
    """A sender that keeps what it was given."""

    def __init__(self, answer: object = None) -> None:
        self.answer = answer
        self.sent: list[tuple[Any, ...]] = []

    async def ask(self, kind: str, key: str, method: str, body: bytes, options: Options) -> bytes:
        self.sent.append(("ask", kind, key, method, body, options))
        return orjson.dumps(self.answer)

    async def tell(self, kind: str, key: str, method: str, body: bytes, options: Options) -> None:
        self.sent.append(("tell", kind, key, method, body, options))


async def test_by_class_results_are_of_the_annotated_type() -> None:
    wire = Wire({"count": 3})
    assert await reference(wire, Counter, "a").add(by=3) == Count(count=3)
    assert wire.sent == [("ask", "counter", "a", "add", b'{"by":3}', Options())]


async def test_by_kind_any_method_goes_and_results_are_json() -> None:
    wire = Wire([1, {"x": 2}])
    assert await reference(wire, "whatever", "a").some_method(x=1) == [1, {"x": 2}]
    assert wire.sent[0][2:5] == ("a", "some_method", b'{"x":1}')
    await reference(wire, "whatever", "a").some_method()
    assert wire.sent[1][4] == b""


async def test_tell_is_awaited_and_gives_nothing() -> None:
    wire = Wire()
    options = Options(id="x", keep=5)
    await reference(wire, Counter, "a", options).add.tell(by=1, note="n")
    assert wire.sent == [("tell", "counter", "a", "add", b'{"by":1,"note":"n"}', options)]


def test_the_state_of_a_reference_cannot_be_read() -> None:
    for kind in (Counter, "counter"):
        with pytest.raises(AttributeError, match="its state cannot be read: ask it, with a @query"):
            _ = reference(Wire(), kind, "a").state


def test_a_method_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(AttributeError, match="<Ref counter/a> has no method 'burn': it has add, read"):
        _ = reference(Wire(), Counter, "a").burn


def test_by_kind_arguments_must_be_named() -> None:
    with pytest.raises(TypeError, match="add: name the arguments"):
        reference(Wire(), "counter", "a").add.tell(1)


@pytest.mark.parametrize(("kind", "key"), [("Counter", "a"), ("counter", ""), ("counter", "x" * 201), ("", "a")])
def test_an_address_that_cannot_be_is_refused_at_once(kind: str, key: str) -> None:
    with pytest.raises(Invalid):
        Ref(Wire(), kind, key)


async def test_arguments_that_json_cannot_hold() -> None:
    with pytest.raises(Invalid, match="add: the arguments cannot be written as JSON: NaN"):
        await reference(Wire(), "counter", "a").add(by=float("nan"))


def test_private_names_are_not_methods() -> None:
    ref = reference(Wire(), "counter", "a")
    assert not hasattr(ref, "_anything")
    assert ref.key == "a"
