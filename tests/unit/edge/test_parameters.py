"""Query strings become what the actor's strict validation takes."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from natya.errors import Invalid
from natya_edge.parameters import Parameters
from support.edge import DEFINITIONS

METHOD = DEFINITIONS["types"].methods["typed"]
PARAMETERS = Parameters("types.typed", METHOD.manifest()["parameters"])


def body(query_string: str) -> Any:
    return orjson.loads(PARAMETERS.body(query_string))


@pytest.mark.parametrize(
    ("query_string", "name", "value"),
    [
        ("whole=5", "whole", 5),
        ("whole=-5", "whole", -5),
        ("real=1.5", "real", 1.5),
        ("real=-2e3", "real", -2000.0),
        ("real=7", "real", 7),
        ("flag=true", "flag", True),
        ("flag=False", "flag", False),
        ("flag=1", "flag", True),
        ("flag=0", "flag", False),
        ("text=5", "text", "5"),
        ("text=", "text", ""),
        ("text=true", "text", "true"),
        ("text=a+b%2Bc%26d%3De", "text", "a b+c&d=e"),
        ("text=%C3%A9", "text", "é"),
        ("text=%2541", "text", "%41"),
        ("maybe=5", "maybe", 5),
        ("maybe=", "maybe", None),
        ("numbers=1&numbers=2&numbers=3", "numbers", [1, 2, 3]),
        ("numbers=1", "numbers", [1]),
        ("perhaps=1&perhaps=2", "perhaps", [1, 2]),
        ("perhaps=", "perhaps", None),
        ("pair=1&pair=2", "pair", [1, "2"]),
        ("point=%7B%22x%22%3A3%7D", "point", {"x": 3}),
        ("point=", "point", None),
        ("color=red", "color", "red"),
        ("size=1", "size", 1),
        ("mixed=1", "mixed", 1),
        ("mixed=two", "mixed", "two"),
        ("choice=1", "choice", 1),
        ("choice=a", "choice", "a"),
        ("money=1.10000000000000000000001", "money", "1.10000000000000000000001"),
        ("when=2030-01-02T03%3A04%3A05Z", "when", "2030-01-02T03:04:05Z"),
        ("day=2030-01-02", "day", "2030-01-02"),
        ("span=PT1M", "span", "PT1M"),
        ("uuid=7f3a2f8e-6a9b-4f5e-9f4b-0c1d2e3f4a5b", "uuid", "7f3a2f8e-6a9b-4f5e-9f4b-0c1d2e3f4a5b"),
        ("raw=aGk%3D", "raw", "aGk="),
        ("anything=5", "anything", "5"),
        ("either=5", "either", 5),
        ("either=x", "either", "x"),
        ("table=%7B%22a%22%3A1%7D", "table", {"a": 1}),
    ],
)
def test_a_text_becomes_the_declared_type(query_string: str, name: str, value: object) -> None:
    found = body(query_string)
    assert found == {name: value}
    assert type(found[name]) is type(value)
    if name != "whole" or value == 5:
        METHOD.parse(PARAMETERS.body(query_string))  # what is made here passes the actor's own, strict validation


@pytest.mark.parametrize(
    ("query_string", "name", "message"),
    [
        ("nobody=1", "nobody", "is not a parameter of types.typed, which takes anything, "),
        ("whole=five", "whole", "must be a whole number"),
        ("whole=5.5", "whole", "must be a whole number"),
        ("whole=", "whole", "must be a whole number"),
        ("whole=%D9%A1", "whole", "must be a whole number"),
        ("whole=99999999999999999999", "whole", "must be a whole number"),
        ("whole=1&whole=2", "whole", "is given more than once"),
        ("real=nan", "real", "must be a number"),
        ("real=1e999", "real", "is too large a number"),
        ("flag=yes", "flag", "must be true or false"),
        ("maybe=x", "maybe", "must be a whole number or empty"),
        ("numbers=1&numbers=x", "numbers", "must be a whole number"),
        ("mixed=three", "mixed", "must be one of 1, two"),
        ("point=%7B", "point", "must be a JSON object, percent-encoded"),
        ("point=5", "point", "must be a JSON object, percent-encoded"),
        ("text=%FF", "text", "text: what is percent-encoded is not UTF-8"),
        ("text=%zz", "text", "text: a % must be followed by two hexadecimal digits"),
        ("text=é", "text", "text: the URL has bytes outside ASCII"),
    ],
)
def test_what_does_not_fit_is_refused_and_its_field_named(query_string: str, name: str, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        PARAMETERS.body(query_string)
    [error] = refused.value.extra["errors"]
    assert error["field"] == name
    assert error["message"].startswith(message)


def test_all_wrong_fields_are_named_at_once() -> None:
    with pytest.raises(Invalid) as refused:
        PARAMETERS.body("whole=x&flag=x&text=fine&nobody=1")
    assert [error["field"] for error in refused.value.extra["errors"]] == ["whole", "flag", "nobody"]


def test_no_parameters_are_no_body() -> None:
    assert PARAMETERS.body("") == b""
    assert PARAMETERS.body("&&") == b""


def test_a_method_without_parameters_says_so() -> None:
    with pytest.raises(Invalid, match=r"plain\.nothing, which takes none"):
        Parameters("plain.nothing", DEFINITIONS["plain"].methods["nothing"].manifest()["parameters"]).body("a=1")


def test_too_many_parameters_are_refused() -> None:
    with pytest.raises(Invalid, match="101 parameters"):
        PARAMETERS.body("&".join("numbers=1" for _ in range(101)))


def test_a_schema_that_refers_to_itself_ends() -> None:
    loop = {
        "properties": {"a": {"$ref": "#/$defs/A"}},
        "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "integer"}]}},
    }
    assert Parameters("k.m", loop).body("a=1") == b'{"a":1}'


@given(st.text(alphabet=st.characters(codec="latin-1"), max_size=60), st.sampled_from(sorted(PARAMETERS._declared)))
def test_whatever_comes_is_a_json_object_or_invalid(text: str, name: str) -> None:
    for query_string in (text, f"{name}={text}"):
        try:
            made = PARAMETERS.body(query_string)
        except Invalid:
            continue
        assert made == b"" or isinstance(orjson.loads(made), dict)
