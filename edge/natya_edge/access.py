"""Who may do what: the rules that a manifest declares, asked about one principal.

A kind has one `Rule`, for its state, lists and events, and each of its methods has one. They are made once per manifest. A
refusal depends on the token, the key and the rule alone, never on the actor: it does not tell whether there is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pydantic_core

from natya.access import SEPARATOR, Access, owns
from natya.codec import trouble
from natya.errors import FieldError, Forbidden, Invalid, NotJson
from natya_edge.auth.principal import OPERATOR, Principal
from natya_edge.errors import MissingScope, NotAdmitted

INTERNAL: Final = "internal"
"""The scope of methods that are not for the web: it is the one that an operator, too, must have been granted."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of a kind: all of them, those of one owner, or none. False if none.

    As a filter: all if ``everything``, else those equal to ``owner`` or beginning with ``prefix``.
    """

    everything: bool = False
    owner: str = ""

    @property
    def prefix(self) -> str:
        return self.owner + SEPARATOR

    def __bool__(self) -> bool:
        return self.everything or bool(self.owner)

    def __contains__(self, key: str) -> bool:
        return self.everything or owns(self.owner, key)


ALL: Final = Keys(everything=True)
NONE: Final = Keys()


class Rule:
    """One declaration. ``where`` names what it guards, for people; ``access`` is what it says."""

    __slots__ = ("_roles", "access", "where")

    def __init__(self, where: str, manifest: Mapping[str, Any]) -> None:
        """``manifest`` is that of a kind or of a method."""
        self.where = where
        self.access = Access.read(manifest)
        self._roles = frozenset((*self.access.roles, OPERATOR))

    def keys(self, principal: Principal) -> Keys:
        """The keys for which this is open to ``principal``: what may be listed and watched. Where it is none, `refusal`
        says why."""
        if not self._has_scope(principal):
            return NONE
        if self._has_all(principal):
            return ALL
        claim = principal.claims.get(self.access.owner, "")
        return Keys(owner=claim) if claim and SEPARATOR not in claim else NONE

    def check(self, principal: Principal, key: str) -> None:
        """Whether this is open to ``principal`` for the actor of this key; what it is sent, `check_arguments` looks at. Hot:
        0.5 µs. Raises `Forbidden`."""
        if not self._has_scope(principal) or not (
            self._has_all(principal) or owns(principal.claims.get(self.access.owner, ""), key)
        ):
            raise self.refusal(principal)

    def check_arguments(self, principal: Principal, body: bytes) -> None:
        """Whether ``principal`` owns what the arguments in ``body`` name, where that is asked. Raises `Forbidden`, `Invalid`,
        `NotJson`."""
        access = self.access
        if not access.owned or self._has_all(principal):
            return
        arguments = _arguments(self.where, body)
        claim = principal.claims.get(access.owner, "")
        for name in access.owned:
            value = arguments.get(name)
            if not isinstance(value, str):
                raise Invalid(
                    f"{self.where}: {name} must be given, as text", errors=[FieldError(field=name, message="must be text")]
                )
            if not owns(claim, value):
                raise self._refused(f"{self.where} takes only a {name} of one's own: {_whose(access.owner, name)}")

    def refusal(self, principal: Principal) -> Forbidden:
        """What to tell ``principal``, who is not let in."""
        access = self.access
        if not self._has_scope(principal):
            return MissingScope(f"{self.where} needs a token with the scope {access.scope}", access.scope or "")
        ways = [f"the owner of the key ({_whose(access.owner, 'key')})"] if access.owner else []
        ways += [f"the role {role}" for role in access.roles]
        return self._refused(f"{self.where} is only for {' and '.join(ways)}")

    def _refused(self, detail: str) -> NotAdmitted:
        found: dict[str, Any] = {"owner": self.access.owner} if self.access.owner else {}
        if self.access.roles:
            found["roles"] = list(self.access.roles)
        return NotAdmitted(detail, **found)

    def _has_all(self, principal: Principal) -> bool:
        return self.access.anyone or not self._roles.isdisjoint(principal.roles)

    def _has_scope(self, principal: Principal) -> bool:
        scope = self.access.scope
        return not scope or scope in principal.scopes or (OPERATOR in principal.roles and scope != INTERNAL)


def _whose(claim: str, what: str) -> str:
    return f"the token's {claim} must be the {what}, or what stands in it before a {SEPARATOR}"


def _arguments(where: str, body: bytes) -> Mapping[str, Any]:
    """What a body says, read by the parser that the actor reads it with: what is checked is what runs."""
    try:
        found = pydantic_core.from_json(body or b"{}")
    except ValueError as error:
        raise NotJson(f"{where}: the body is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise NotJson(f"{where}: the body must be a JSON object of the parameters, or empty")
    if wrong := trouble(body or b"{}"):
        raise Invalid(f"{where}: {wrong}")
    return found
