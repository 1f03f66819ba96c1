"""States: stored and read back as the same, or refused clearly."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_serializer

from natya import Internal
from natya.codec import MAX_DEPTH
from natya.errors import ConfigurationError
from natya.state import StateCodec


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1


class Mode(StrEnum):
    ON = "on"


class Point(BaseModel):
    model_config = ConfigDict(
        ser_json_bytes="hex", val_json_bytes="hex", ser_json_inf_nan="null", ser_json_timedelta="float"
    )
    x: float = 0.0
    data: bytes = b""
    took: timedelta = timedelta()
    next: Point | None = None


class Cat(BaseModel):
    type: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    type: Literal["dog"] = "dog"
    lives: int = 1


class Everything(BaseModel):
    i: int = 0
    f: float = 0.0
    s: str = ""
    b: bool = False
    raw: bytes = b"\xff\xfe"
    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    day: date = date(2026, 1, 1)
    clock: time = time(1, 2, 3, 4)
    took: timedelta = timedelta(seconds=1)
    money: Decimal = Decimal("1.10")
    uid: UUID = UUID(int=1)
    color: Color = Color.RED
    level: Level = Level.LOW
    mode: Mode = Mode.ON
    maybe: int | None = None
    either: int | str = 0
    items: list[int] = []
    seen: set[str] = set()
    pair: tuple[int, str] = (1, "a")
    table: dict[str, list[Decimal]] = {}
    numbered: dict[int, str] = {}
    point: Point = Point()
    pet: Annotated[Cat | Dog, Field(discriminator="type")] = Cat()
    aliased: int = Field(default=0, alias="Aliased-Name", serialization_alias="other")
    anything: Any = None


codec = StateCodec("thing", Everything, 1, {})

_int64 = st.integers(-(2**63), 2**63 - 1)
_finite = st.floats(allow_nan=False, allow_infinity=False)
_text = st.text()
_name = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
_offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: ZoneInfo("UTC") if minutes == 0 else _offset(minutes))
_points = st.recursive(
    st.builds(Point, x=_finite, data=st.binary(), took=st.timedeltas()),
    lambda inner: st.builds(Point, x=_finite, data=st.binary(), took=st.timedeltas(), next=inner),
    max_leaves=3,
)


def _offset(minutes: int) -> Any:
    from datetime import timezone

    return timezone(timedelta(minutes=minutes))


_anything = st.builds(
    Everything,
    i=_int64,
    f=_finite,
    s=_text,
    b=st.booleans(),
    raw=st.binary(),
    at=st.datetimes(timezones=st.none() | _offsets),
    day=st.dates(),
    clock=st.times(),
    took=st.timedeltas(),
    money=st.decimals(allow_nan=False, allow_infinity=False),
    uid=st.uuids(),
    color=st.sampled_from(Color),
    maybe=st.none() | _int64,
    either=_int64 | _text,
    items=st.lists(_int64, max_size=5),
    seen=st.sets(_text, max_size=5),
    pair=st.tuples(_int64, _text),
    table=st.dictionaries(_name, st.lists(st.decimals(allow_nan=False, allow_infinity=False), max_size=2), max_size=3),
    numbered=st.dictionaries(_int64, _text, max_size=3),
    point=_points,
    pet=st.builds(Cat, lives=_int64) | st.builds(Dog, lives=_int64),
    anything=st.none() | _int64 | _text | st.lists(_int64, max_size=3) | st.dictionaries(_name, _finite, max_size=3),
)


def types_of(value: Any) -> Any:
    """The types of a value, all through."""
    if isinstance(value, BaseModel):
        return type(value), {name: types_of(inner) for name, inner in value.__dict__.items()}
    if isinstance(value, dict):
        return dict, {name: types_of(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value), [types_of(inner) for inner in value]
    return type(value)


@given(_anything)
def test_a_state_comes_back_equal_and_of_the_same_types(state: Everything) -> None:
    data = codec.freeze(state)
    orjson.loads(data)
    back = codec.thaw(data, 1)
    assert back == state
    assert types_of(back) == types_of(state)
    assert back.at.utcoffset() == state.at.utcoffset()
    assert codec.freeze(back) == data or state.seen


_wrong = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.datetimes(), st.dates(), st.times(),
    st.timedeltas(), st.decimals(), st.uuids(), st.lists(st.integers() | st.text()), st.sets(st.integers()),
    st.dictionaries(st.text() | st.integers(), st.integers() | st.floats()), st.sampled_from(Color), st.builds(Cat),
)  # fmt: skip


@settings(max_examples=300)
@given(st.sampled_from(sorted(Everything.model_fields)), _wrong)
def test_whatever_is_assigned_is_refused_or_comes_back(name: str, value: Any) -> None:
    state = Everything()
    setattr(state, name, value)
    try:
        data = codec.freeze(state)
    except Internal as error:
        assert "cannot be stored: " in error.detail  # noqa: PT017 - refusing is one of two right answers
        return
    assert codec.thaw(data, 1) == state
    orjson.loads(data)


class Loose(BaseModel):
    value: Any = None


loose = StateCodec("loose", Loose, 1, {})


def nested(depth: int) -> Any:
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


@pytest.mark.parametrize(
    ("value", "trouble"),
    [
        (float("nan"), "NaN is not a JSON number"),
        ([float("inf")], "Infinity is not a JSON number"),
        (2**63, "the integer 9223372036854775808 is beyond 64 bit"),
        (-(2**63) - 1, "beyond 64 bit"),
        (2**70, "beyond 64 bit"),
        ({"a\0b": 1}, "holds a NUL character"),
        ({"a": {"\0": 1}}, "holds a NUL character"),
        (nested(MAX_DEPTH), "nested deeper than 90 levels"),
        (datetime(2026, 1, 1, tzinfo=UTC), "value is datetime"),
        ((1, 2), r"value is \(1, 2\) and would be read back as \[1, 2\]"),
        ({1: 2}, "would be read back"),
        (object(), "Unable to serialize"),
        ("\ud800", "cannot be stored"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_its_name(value: Any, trouble: str) -> None:
    with pytest.raises(Internal, match=trouble):
        loose.freeze(Loose(value=value))


@pytest.mark.parametrize(
    "value",
    [
        "NaN",
        "Infinity and \0",
        "1" * 30,
        [2**63 - 1, -(2**63)],
        nested(MAX_DEPTH - 1),
        [[[]] for _ in range(500)],
        ["{" * 500, "]["],
        1e300,
        {"a.b": 1, "$c": 2, "": 3},
    ],
)
def test_what_only_looks_like_trouble_is_stored(value: Any) -> None:
    assert loose.thaw(loose.freeze(Loose(value=value)), 1).value == value


def test_depth_is_found_behind_brackets_in_strings() -> None:
    with pytest.raises(Internal, match="nested deeper"):
        loose.freeze(Loose(value=["[", nested(MAX_DEPTH)]))


def test_a_broken_constraint_is_refused_in_the_turn() -> None:
    class Bounded(BaseModel):
        count: Annotated[int, Field(ge=0)] = 0

    with pytest.raises(Internal, match=r"count: Input should be greater than or equal to 0 \(found -1\)"):
        StateCodec("bounded", Bounded, 1, {}).freeze(Bounded.model_construct(count=-1))


def test_a_value_of_a_subclass_is_refused_instead_of_cut() -> None:
    class Zoo(BaseModel):
        cat: Cat = Cat()

    class Tiger(Cat):
        stripes: int = 100

    with pytest.raises(Internal, match="would be read back as"):
        StateCodec("zoo", Zoo, 1, {}).freeze(Zoo(cat=Tiger()))


def test_a_state_of_another_class_is_refused() -> None:
    with pytest.raises(Internal, match="the state of loose must be a Loose"):
        loose.freeze(Cat())  # type: ignore[arg-type]


def test_a_private_value_is_refused() -> None:
    class Hidden(BaseModel):
        _cache: int = PrivateAttr(default=0)

    hidden = StateCodec("hidden", Hidden, 1, {})
    state = hidden.fresh()
    assert hidden.freeze(state) == b"{}"
    state._cache = 5
    with pytest.raises(Internal, match="keep private values on the actor"):
        hidden.freeze(state)


def test_a_state_that_never_comes_back_is_refused_when_the_class_is_made() -> None:
    class Lossy(BaseModel):
        at: datetime = datetime(2026, 1, 2, tzinfo=UTC)

        @field_serializer("at")
        def year(self, at: datetime) -> str:
            return "2026-01-01T00:00:00Z"

    with pytest.raises(ConfigurationError, match="lossy: the state of lossy cannot be stored: at is"):
        StateCodec("lossy", Lossy, 1, {})


def test_a_root_model_is_refused() -> None:
    from pydantic import RootModel

    class Items(RootModel[list[int]]):
        root: list[int] = []

    with pytest.raises(ConfigurationError, match="a state is an object with named fields"):
        StateCodec("items", Items, 1, {})


def test_fields_are_stored_under_their_own_names() -> None:
    stored = orjson.loads(codec.freeze(Everything()))
    assert "aliased" in stored
    schema = codec.json_schema()
    assert set(schema["properties"]) == set(stored)
    assert schema["properties"]["at"]["format"] == "date-time"
    assert schema["properties"]["raw"]["format"] == "base64url"
    assert schema["$defs"]["Point"]["properties"]["data"]["format"] == "base64url"
