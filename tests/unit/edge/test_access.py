"""Rules, asked about any principal and any key."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from natya.errors import Forbidden
from natya_edge.access import ALL, NONE, Rule
from natya_edge.auth.principal import Principal

OPEN: dict[str, Any] = {"scope": "", "anyone": True, "owner": "", "roles": [], "owned": []}


def rule(**access: Any) -> Rule:
    return Rule("thing.method", {"access": {**OPEN, "anyone": not access.keys() & {"owner", "roles"}, **access}})


def principal(subject: str, *roles: str, scope: str = "", **claims: str) -> Principal:
    return Principal(subject, frozenset(scope.split()), frozenset(roles), claims={"sub": subject, **claims})


def admits(rule: Rule, principal: Principal, key: str) -> bool:
    try:
        rule.check(principal, key)
    except Forbidden:
        return False
    return True


def test_the_keys_that_somebody_may_see() -> None:
    owned = rule(owner="sub", roles=["teller"])
    assert owned.keys(principal("dev", "operator")) is owned.keys(principal("bob", "teller")) is ALL
    ada = owned.keys(principal("ada"))
    assert (ada.everything, ada.owner, ada.prefix, bool(ada)) == (False, "ada", "ada~", True)
    assert rule().keys(principal("ada")) is ALL
    assert rule(roles=["teller"]).keys(principal("ada")) is NONE
    assert owned.keys(principal("a~b")) is NONE
    assert rule(owner="tenant").keys(principal("ada")) is NONE
    assert rule(owner="tenant").keys(principal("ada", tenant="acme")).owner == "acme"
    assert rule(scope="read").keys(principal("ada")) is NONE
    assert not NONE
    assert "" not in NONE


def test_a_scope_is_needed_by_all_but_operators_and_internal_by_these_too() -> None:
    owned = rule(owner="sub", roles=["teller"], scope="read")
    for who in (principal("ada"), principal("bob", "teller")):
        assert not admits(owned, who, "ada")
    assert admits(owned, principal("ada", scope="other read"), "ada")
    assert not admits(owned, principal("ada", scope="READ read:all"), "ada")
    assert admits(owned, principal("dev", "operator"), "ada")
    assert not admits(rule(scope="internal"), principal("dev", "operator"), "ada")
    assert admits(rule(scope="internal"), principal("dev", "operator", scope="internal"), "ada")


_PARTS = st.sampled_from(
    ["a", "b", "ab", "A", "é", "e\u0301", "~", "~~", "", " ", "\0", "*", ".", "/", "%7E", "\u200b", "ı"]
)
_NAMES = st.lists(_PARTS, max_size=4).map("".join) | st.text(max_size=6)


@given(_NAMES, _NAMES)
@example("a", "ab")
@example("a~b", "a~b")
@example("", "~")
def test_an_owner_rule_admits_nobody_but_the_owner(subject: str, key: str) -> None:
    owned = key.partition("~")[0] == subject and subject != ""
    who = principal(subject, "owner", "admin", scope="internal")
    assert admits(rule(owner="sub"), who, key) is owned
    assert admits(rule(owner="tenant"), who, key) is False
    assert admits(rule(owner="tenant"), principal("x", tenant=subject), key) is owned


_ACCESS = st.fixed_dictionaries(
    {"scope": st.sampled_from(["", "read", "internal"])},
    optional={"owner": st.sampled_from(["sub", "tenant"]), "roles": st.sampled_from([["teller"], ["teller", "clerk"]])},
)
_PRINCIPALS = st.builds(
    principal,
    _NAMES,
    st.sampled_from(["teller", "clerk", "operator", "other"]),
    scope=st.sampled_from(["", "read", "read internal"]),
    tenant=_NAMES,
)


@given(_ACCESS, _PRINCIPALS, _NAMES)
def test_what_may_be_listed_is_what_may_be_asked(access: dict[str, Any], who: Principal, key: str) -> None:
    found = rule(**access)
    keys = found.keys(who)
    assert (key in keys) is admits(found, who, key)
    if not keys.everything and key in keys:
        assert key == keys.owner or key.startswith(keys.prefix)
    if not keys:
        assert found.refusal(who).code == 403


@pytest.mark.parametrize("manifest", [{}, {"query": False, "scope": ""}])
def test_a_manifest_from_before_there_were_rules_is_open(manifest: dict[str, Any]) -> None:
    assert admits(Rule("old", manifest), principal("ada"), "bob")


def test_a_manifest_from_before_there_were_rules_still_has_its_scopes() -> None:
    old = Rule("old.method", {"query": False, "scope": "write"})
    assert not admits(old, principal("ada"), "ada")
    assert admits(old, principal("ada", scope="write"), "ada")
