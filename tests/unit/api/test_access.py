"""Who may use a kind, as classes and methods declare it: what takes the place of what, and what is refused."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import StringConstraints

from natya import StatelessActor, command, query
from natya.access import Access, owns
from natya.errors import ConfigurationError
from natya.manifest import Definition

OPEN = {"scope": "", "anyone": True, "owner": "", "roles": [], "owned": []}


def kind_of(cls: type[StatelessActor]) -> Any:
    return Definition.of(cls).manifest()["access"]


def method_of(cls: type[StatelessActor], name: str) -> Any:
    return Definition.of(cls).manifest()["methods"][name]["access"]


class Plain(StatelessActor):
    """Declares nothing."""

    @query
    async def get(self) -> int:
        return 1


class Till(StatelessActor, owner="sub", roles=("teller",), scope="till"):
    """Declares all there is."""

    @command
    async def take(self) -> None: ...

    @command(anyone=True, scope="give")
    async def give(self) -> None: ...

    @command(roles=("manager",), scope="")
    async def empty(self) -> None: ...

    @command(owned=("source",))
    async def move(self, source: str, note: str = "") -> None: ...


def test_a_kind_that_declares_nothing_is_open() -> None:
    assert kind_of(Plain) == method_of(Plain, "get") == OPEN


def test_what_a_class_says_holds_for_its_state_and_for_methods_that_say_nothing() -> None:
    assert kind_of(Till) == {"scope": "till", "anyone": False, "owner": "sub", "roles": ["teller"], "owned": []}
    assert method_of(Till, "take") == kind_of(Till)


def test_what_a_method_says_takes_the_place_of_what_its_class_says() -> None:
    assert method_of(Till, "give") == {**OPEN, "scope": "give"}
    assert method_of(Till, "empty") == {**OPEN, "anyone": False, "roles": ["manager"]}


def test_owned_parameters_are_asked_for_on_top() -> None:
    assert method_of(Till, "move") == {**kind_of(Till), "owned": ["source"]}


def test_a_class_has_from_its_bases_what_it_does_not_say_itself() -> None:
    class Scoped(StatelessActor, abstract=True, scope="shop"): ...

    class Owned(StatelessActor, abstract=True, owner="sub", scope="other"): ...

    class Shop(Scoped, Owned):
        @query
        async def get(self) -> int:
            return 1

    class Branch(Shop):
        """An own kind, and no more open than its base."""

    class Public(Shop, anyone=True):
        """Says it anew."""

    assert kind_of(Shop) == kind_of(Branch) == {**OPEN, "scope": "shop", "anyone": False, "owner": "sub"}
    assert kind_of(Public) == {**OPEN, "scope": "shop"}


def test_other_rules_are_another_digest() -> None:
    class One(StatelessActor, kind="same", owner="sub"):
        @query
        async def get(self) -> int:
            return 1

    class Two(StatelessActor, kind="same", owner="tenant"):
        @query
        async def get(self) -> int:
            return 1

    assert Definition.of(One).manifest()["digest"] != Definition.of(Two).manifest()["digest"]


def test_a_manifest_is_read_as_it_was_declared() -> None:
    manifest = Definition.of(Till).manifest()
    assert Access.read(manifest).manifest() == manifest["access"]
    assert Access.read(manifest["methods"]["move"]).owned == ("source",)


def test_a_manifest_of_before_there_were_rules_is_open_but_for_its_scopes() -> None:
    assert Access.read({"kind": "old"}).manifest() == OPEN
    assert Access.read({"query": True, "scope": "read"}).manifest() == {**OPEN, "scope": "read"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"owner": ""}, "owner, a claim is ''"),
        ({"owner": "my claim"}, "owner, a claim is 'my claim'"),
        ({"owner": ["sub"]}, "owner, a claim is"),
        ({"roles": "teller"}, r'roles must be some names, as in roles=\("one",\), not \'teller\''),
        ({"roles": ()}, r"roles must be some names"),
        ({"roles": ("bank teller",)}, "a role is 'bank teller'"),
        ({"roles": (None,)}, "a role is None"),
        ({"scope": "a b"}, "scope is 'a b'"),
        ({"scope": 'a"'}, "scope is"),
        ({"scope": "a\r\nSet-Cookie: x"}, "scope is"),
        ({"anyone": True, "owner": "sub"}, "anyone=True lets everybody in"),
        ({"anyone": True, "roles": ("teller",)}, "anyone=True lets everybody in"),
    ],
)
def test_what_cannot_be_meant_is_refused_on_a_class_and_on_a_method(options: dict[str, Any], said: str) -> None:
    async def get(self: object) -> int:
        return 1

    with pytest.raises(ConfigurationError, match=said):
        types.new_class("Made", (StatelessActor,), options, lambda members: members.update(get=query(get)))
    with pytest.raises(ConfigurationError, match=said):
        query(**options)(get)


def test_a_method_cannot_say_alone_who_may_use_it() -> None:
    for options in ({"owner": "sub"}, {"roles": ("teller",)}, {"anyone": True}):
        with pytest.raises(ConfigurationError, match=r"made\.get says who may use it, but its class does not"):
            made(_takes_nothing, **options)
    made(_takes_nothing, scope="read")  # a scope says what a token may do, not who may do it


@pytest.mark.parametrize("kind", [{}, {"roles": ("teller",)}, {"anyone": True}])
def test_owned_needs_an_owner(kind: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"made\.get: owned needs an owner"):
        made(_takes_text, owned=("source",), kind=kind)


async def _takes_nothing(self: object) -> None: ...


async def _takes_text(self: object, source: str) -> None: ...


async def _takes_a_default(self: object, source: str = "") -> None: ...


async def _takes_a_number(self: object, source: int) -> None: ...


async def _takes_text_or_nothing(self: object, source: str | None) -> None: ...


async def _changes_what_it_takes(self: object, source: Annotated[str, StringConstraints(to_lower=True)]) -> None: ...


@pytest.mark.parametrize(
    "function", [_takes_nothing, _takes_a_default, _takes_a_number, _takes_text_or_nothing, _changes_what_it_takes]
)
def test_what_is_owned_is_a_parameter_that_reaches_the_method_as_it_was_checked(function: Callable[..., Any]) -> None:
    with pytest.raises(
        ConfigurationError, match=r"made\.get: owned names 'source', which is no parameter that is a plain `str`"
    ):
        made(function, owned=("source",), kind={"owner": "sub"})
    made(_takes_text, owned=("source",), kind={"owner": "sub"})


def made(function: Callable[..., Any], *, kind: dict[str, Any] | None = None, **options: Any) -> type:
    handler = command(name="get", **options)(function)
    return types.new_class("Made", (StatelessActor,), kind or {}, lambda members: members.update(get=handler))


@pytest.mark.parametrize("key", ["alice", "alice~", "alice~savings", "alice~a~b", "alice~~"])
def test_an_owner_has_the_key_of_that_name_and_those_after_a_separator(key: str) -> None:
    assert owns("alice", key)


@pytest.mark.parametrize(
    "key",
    ["", "~", "~alice", "alic", "alice2", "alice.b", "alice/b", "alice:b", "alice b", "Alice", "ALICE", " alice", "alice ",
     "alice\0", "alice\u200b", "al\u0131ce", "alic\u0435", "\uff41lice", "bob~alice", "alice%7Eb", "%61lice", "alice\u223cb",
     "alice\u02dcb", "alice\u0303"],
)  # fmt: skip
def test_a_key_that_only_looks_alike_is_not_owned(key: str) -> None:
    assert not owns("alice", key)


def test_composed_and_decomposed_letters_are_two_owners() -> None:
    assert not owns("ren\u00e9", "rene\u0301")
    assert not owns("rene\u0301", "ren\u00e9")


def test_a_claim_that_could_be_anothers_key_owns_nothing() -> None:
    for claim in ("", "~", "a~b", "~a", "a~"):
        assert not owns(claim, claim)
        assert not owns(claim, claim + "~x")


_NEAR = st.sampled_from(["", "~", "2", "é", "\u0301", "\0", " ", ".", "/", "%7E", "A", "a"])
_CLAIMS = st.text(min_size=1, max_size=12) | st.sampled_from(["a", "ab", "a~b", "alice", "é", "e\u0301"])


@given(_CLAIMS, _CLAIMS, _NEAR, _NEAR)
@example("a", "a~b", "", "")
@example("alice", "alice2", "", "")
def test_no_key_has_two_owners(one: str, other: str, before: str, after: str) -> None:
    for key in (before + one + after, one + other, one + after + other, other + after, one.upper(), one.casefold()):
        if owns(one, key):
            assert key == one or key.startswith(one + "~")
            assert other == one or not owns(other, key)
