"""One spelling for each name, and a clear word about what cannot be one."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natya.errors import Invalid
from natya_edge.oauth import names


@pytest.mark.parametrize(
    ("typed", "name"),
    [("ann", "ann"), ("Ann@Example.COM", "ann@example.com"), ("ｋevin", "kevin"), ("Zoe\u0308", "zo\u00eb"), ("Ñ", "ñ")],
)
def test_a_user_name_has_one_spelling(typed: str, name: str) -> None:
    assert names.user_name(typed) == name


@pytest.mark.parametrize("typed", ["", "a b", " ann", "ann\n", "a\0", "\ud800", "🐎", "x" * 129, "client:web", "Client:web"])
def test_what_cannot_be_a_user_name_is_refused(typed: str) -> None:
    with pytest.raises(Invalid) as refused:
        names.user_name(typed)
    assert refused.value.extra["errors"][0]["field"] == "username"


def test_a_password_is_the_same_however_a_keyboard_composes_it() -> None:
    typed = "Geheimnis über Ärger"
    assert names.password(unicodedata.normalize("NFD", typed)) == names.password(typed) == typed
    assert names.password("a\u00a0b") == names.password("a b")
    assert names.password("Ann") != names.password("ann")


@pytest.mark.parametrize("typed", ["", "a\0b", "\ud800", "x" * 1025, "é" * 513])
def test_what_cannot_be_a_password_is_refused_without_quoting_it(typed: str) -> None:
    with pytest.raises(Invalid) as refused:
        names.password(typed)
    assert not typed or typed not in str(refused.value.problem())


def test_a_new_password_has_at_least_twelve_characters() -> None:
    with pytest.raises(Invalid, match="has 11 characters: at least 12"):
        names.new_password("x" * 11)
    assert names.new_password("x" * 12) == "x" * 12


@given(st.text(max_size=200))
def test_a_spelling_is_its_own_spelling(typed: str) -> None:
    for spell in (names.user_name, names.password):
        try:
            once = spell(typed)
        except Invalid:
            continue
        assert spell(once) == once


@pytest.mark.parametrize("id", ["", "Web", "-a", "a b", "a" * 65, "a:b", "é"])
def test_what_cannot_be_a_client_id_is_refused(id: str) -> None:
    with pytest.raises(Invalid, match="is no client id"):
        names.client_id(id)


@pytest.mark.parametrize("text", ["", "a b", 'a"', "é", "x" * 101])
def test_what_cannot_be_a_scope_or_a_role_is_refused(text: str) -> None:
    for check in (names.scope, names.role):
        with pytest.raises(Invalid):
            check(text)
