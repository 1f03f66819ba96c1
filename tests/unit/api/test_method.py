"""Bodies to arguments, results to bodies."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, PositiveInt

from natya import Internal, Invalid, NotJson, StatelessActor, command, query
from natya.errors import from_problem
from natya.manifest import Definition
from natya.method import Method


class Color(Enum):
    RED = "red"


class Line(BaseModel):
    qty: PositiveInt
    data: bytes = b""
    label: str = Field(default="", alias="Label")


class Order(StatelessActor):
    @command
    async def place(self, lines: list[Line], note: str = "", when: datetime | None = None) -> int:
        return 1

    @command
    async def pay(self, amount: PositiveInt) -> Line:
        return Line(qty=amount)

    @command
    async def any(self, value: Any) -> Any:
        return value

    @command
    async def typed(
        self, d: date, u: UUID, c: Color, m: Decimal, f: float, s: set[int], b: bytes, t: tuple[int, str], o: bool = False
    ) -> None: ...

    @command
    async def bounded(self, x: Annotated[int, Field(ge=0, le=9)], *, y: str) -> list[int]:
        return [x]

    @query
    async def nothing(self) -> None: ...


def method(name: str) -> Method:
    return Definition.of(Order).methods[name]


def refusal(name: str, body: bytes) -> Invalid:
    with pytest.raises(Invalid) as caught:
        method(name).parse(body)
    return caught.value


def test_a_valid_body() -> None:
    assert method("pay").parse(b'{"amount":5}') == {"amount": 5}
    assert method("place").parse(b'{"lines":[{"qty":1,"Label":"x"}]}') == {"lines": [Line(qty=1, Label="x")]}


def test_an_empty_body_is_no_arguments() -> None:
    assert method("nothing").parse(b"") == {}
    assert method("nothing").parse(b"{}") == {}


def test_an_integral_float_is_an_integer_as_in_json_schema() -> None:
    amount = method("pay").parse(b'{"amount":5.0}')["amount"]
    assert (amount, type(amount)) == (5, int)
    assert method("place").parse(b'{"lines":[{"qty":1e1}]}')["lines"][0].qty == 10
    assert refusal("pay", b'{"amount":5.5}').extra["errors"][0]["field"] == "amount"


def test_types_are_read_from_their_json_form() -> None:
    body = {
        "d": "2026-03-01",
        "u": "00000000-0000-0000-0000-000000000001",
        "c": "red",
        "m": "1.10",
        "f": 2,
        "s": [1, 2],
        "b": "_w==",
        "t": [1, "a"],
    }
    assert method("typed").parse(orjson.dumps(body)) == {
        "d": date(2026, 3, 1),
        "u": UUID(int=1),
        "c": Color.RED,
        "m": Decimal("1.10"),
        "f": 2.0,
        "s": {1, 2},
        "b": b"\xff",
        "t": (1, "a"),
    }


@pytest.mark.parametrize("amount", ['"5"', "true", "null", "[]", "0", "-1", "1e400", "NaN"])
def test_a_wrong_value_names_the_field(amount: str) -> None:
    error = refusal("pay", f'{{"amount":{amount}}}'.encode())
    assert [one["field"] for one in error.extra["errors"]] == ["amount"]
    assert error.detail.startswith("order.pay: amount: ")


def test_an_inner_field_is_named_by_its_path() -> None:
    assert refusal("place", b'{"lines":[{"qty":1},{"qty":0}]}').extra["errors"][0]["field"] == "lines.1.qty"


def test_an_unknown_parameter_is_refused_and_the_known_are_named() -> None:
    error = refusal("pay", b'{"amount":1,"x":2}')
    assert error.extra["errors"] == [{"field": "x", "message": "is not a parameter of order.pay, which takes amount"}]
    assert "takes none" in refusal("nothing", b'{"x":1}').detail


def test_a_missing_parameter_is_named() -> None:
    assert refusal("pay", b"").extra["errors"] == [{"field": "amount", "message": "is required"}]


@pytest.mark.parametrize(
    "body",
    [b"{", b"5", b"null", b"[]", b'"x"', b"\xff\xfe", b"{}x", b"{'a':1}", b" ", b'{"a":1,}', b'{"a":%s}' % (b"9" * 5000)],
)
def test_what_is_no_json_object(body: bytes) -> None:
    with pytest.raises(NotJson, match=r"^not_json: order.pay: the body "):
        method("pay").parse(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"amount":1,"amount":2}',
        b'{"amount":1,"\\u0061mount":2}',
        b'{"amount":1.0,"amount":2.0}',
    ],
)
def test_a_name_given_twice_is_refused(body: bytes) -> None:
    assert "'amount' occurs twice" in refusal("pay", body).detail


def test_a_name_given_twice_inside_is_refused() -> None:
    assert "'qty' occurs twice" in refusal("place", b'{"lines":[{"qty":1,"qty":2}]}').detail


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "[Infinity]", str(2**63), str(-(2**63) - 1), "9" * 4000])
def test_numbers_that_programs_disagree_on_are_refused_even_where_anything_goes(value: str) -> None:
    refusal("any", f'{{"value":{value}}}'.encode())


@pytest.mark.parametrize(
    "value", ['"NaN"', '"Infinity: 1"', str(2**63 - 1), str(-(2**63)), f'"{"1" * 40}"', "0.1234567890123456789012"]
)
def test_what_only_looks_like_such_a_number_is_taken(value: str) -> None:
    assert method("any").parse(f'{{"value":{value}}}'.encode()) == {"value": orjson.loads(value)}


def test_an_endless_list_of_errors_is_cut() -> None:
    error = refusal("place", orjson.dumps({"lines": [{"qty": 0}] * 1000}))
    assert len(error.extra["errors"]) == 20
    assert error.detail.endswith("; and 997 more")


def test_a_refusal_travels() -> None:
    error = refusal("pay", b'{"amount":0}')
    again = from_problem(error.code, error.slug, error.problem())
    assert (type(again), again.detail, again.extra) == (Invalid, error.detail, error.extra)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_body_is_taken_or_refused_with_a_clear_error(body: bytes) -> None:
    for name in Definition.of(Order).methods:
        with contextlib.suppress(Invalid, NotJson):
            assert isinstance(method(name).parse(body), dict)


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text().filter(lambda name: "\0" not in name), inner),
    max_leaves=10,
)


@given(_json)
def test_whatever_is_json_travels_through_arguments_and_results(value: Any) -> None:
    anything = method("any")
    assert anything.parse(anything.encode((), {"value": value})) == {"value": value}
    assert anything.load(anything.dump(value)) == value


def test_a_result_is_written_by_its_annotation() -> None:
    assert method("pay").dump(Line(qty=1, Label="x", data=b"\xff")) == b'{"qty":1,"data":"_w==","Label":"x"}'
    assert method("pay").load(b'{"qty":1,"data":"_w==","Label":"x"}') == Line(qty=1, Label="x", data=b"\xff")
    assert method("nothing").dump(None) == b"null"
    assert method("bounded").dump((1, 2)) == b"[1,2]"


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("pay", 5),
        ("nothing", 1),
        ("bounded", ["x"]),
        ("any", float("nan")),
        ("any", 2**64),
        ("any", object()),
        ("any", "\ud800"),
    ],
)
def test_a_result_that_must_not_be_is_an_internal_error(name: str, result: Any) -> None:
    with pytest.raises(Internal, match=f"order.{name} returned what it must not"):
        method(name).dump(result)


def test_an_answer_that_does_not_fit_is_an_internal_error() -> None:
    with pytest.raises(Internal, match="does not fit its annotation"):
        method("pay").load(b'{"qty":"many"}')


def test_arguments_are_bound_as_in_a_call() -> None:
    bounded = method("bounded")
    assert bounded.encode((3,), {"y": "a"}) == b'{"y":"a","x":3}'
    assert method("nothing").encode((), {}) == b""
    assert method("place").encode(([Line(qty=1, data=b"\xff")],), {}) == b'{"lines":[{"qty":1,"data":"_w==","Label":""}]}'
    wrong: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
        ((1, "a"), {}, "takes 1 arguments by position, not 2"),
        ((1,), {"x": 1, "y": "a"}, "got 'x' twice"),
        ((1,), {"y": "a", "z": 1}, "has no parameter z"),
        ((), {"x": 1}, "lacks y"),
    ]
    for args, kwargs, message in wrong:
        with pytest.raises(TypeError, match=message):
            bounded.encode(args, kwargs)


@pytest.mark.parametrize("value", [float("inf"), 2**63, object()])
def test_arguments_that_json_cannot_hold(value: object) -> None:
    with pytest.raises(Invalid, match="the arguments cannot be written as JSON"):
        method("any").encode((value,), {})


def test_whether_arguments_are_valid_the_actor_says() -> None:
    body = method("pay").encode(("five",), {})
    assert body == b'{"amount":"five"}'
    assert refusal("pay", body).extra["errors"][0]["field"] == "amount"


def test_dates_travel_with_their_offset() -> None:
    when = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
    place = method("place")
    assert place.parse(place.encode(([],), {"when": when})) == {"lines": [], "when": when}
