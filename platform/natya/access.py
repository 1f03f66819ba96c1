"""Who may use a kind from the web: what its class and its methods declare, and what that means for a key.

There are two questions. *May this token do such a thing?* is a scope. *May this caller do it to this actor?* has three
answers that a class may give: the owner of the key, somebody with a role, anyone. What a method says of either question
takes the place of what its class says; what a class does not say it has from its bases. ``owned`` adds to the second
question: the owner of the key must own the actors, too, that these parameters name.

A class that says nothing is open to every caller whose token is good. One that says who may use it is closed to all others,
its state included; so a method must not say it alone, for then the state would be open by oversight.

The rules are checked at the edge and travel to it in the manifest. Over NATS they mean nothing: there the server's own
permissions decide who may send what.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from natya.errors import ConfigurationError

SEPARATOR: Final = "~"
"""Between an owner's claim and the rest of a key. It needs no encoding in URLs and subjects, and hardly any issuer uses it."""

# What RFC 6749, 3.3 lets a scope consist of. Scopes go into headers.
_NAME: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}\Z")


@dataclass(frozen=True, slots=True)
class Access:
    """What a class or a method declares. ``scope`` is None where it says nothing of one.

    ``owner`` is the claim of a token whose value owns keys, ``roles`` may use any key, ``anyone`` is everybody with a good
    token, ``owned`` are parameters.
    """

    scope: str | None = None
    anyone: bool = False
    owner: str = ""
    roles: tuple[str, ...] = ()
    owned: tuple[str, ...] = ()

    @classmethod
    def declared(
        cls,
        where: str,
        *,
        scope: str | None = None,
        anyone: bool = False,
        owner: str | None = None,
        roles: Sequence[str] | None = None,
        owned: Sequence[str] | None = None,
    ) -> Self:
        """What somebody wrote at ``where``. Raises `ConfigurationError` if it cannot be meant."""
        if scope:
            _check_name(where, "scope", scope)
        if owner is not None:
            _check_name(where, "owner, a claim", owner)
        for role in _names(where, "roles", roles):
            _check_name(where, "a role", role)
        if anyone and (owner is not None or roles is not None or owned is not None):
            raise ConfigurationError(f"{where}: anyone=True lets everybody in: leave out owner, roles and owned, or anyone")
        return cls(scope, anyone, owner or "", tuple(roles or ()), tuple(_names(where, "owned", owned)))

    @property
    def says_who(self) -> bool:
        """Whether it answers who may use an actor."""
        return self.anyone or bool(self.owner or self.roles)

    def within(self, outer: Access) -> Access:
        """This, and for what it says nothing of, ``outer``."""
        found = self if self.says_who else replace(outer, scope=self.scope, owned=self.owned)
        return found if found.scope is not None else replace(found, scope=outer.scope)

    def manifest(self) -> dict[str, Any]:
        """What others may know, JSON-able: who says nothing lets anyone in."""
        return {
            "scope": self.scope or "",
            "anyone": self.anyone or not self.says_who,
            "owner": self.owner,
            "roles": list(self.roles),
            "owned": list(self.owned),
        }

    def __str__(self) -> str:
        """For people: ``the owner (sub) of key and source, or a teller, with scope pay``."""
        ways = [f"the owner ({self.owner}) of {' and '.join(('key', *self.owned))}"] if self.owner else []
        ways += [f"a {role}" for role in self.roles]
        return (", or ".join(ways) or "anyone") + (f", with scope {self.scope}" if self.scope else "")

    @classmethod
    def read(cls, manifest: Mapping[str, Any]) -> Self:
        """What the manifest of a kind or of a method says. One without rules comes from a node that knew of none."""
        found = manifest.get("access")
        if found is None:
            return cls(manifest.get("scope", ""), anyone=True)
        return cls(found["scope"], found["anyone"], found["owner"], tuple(found["roles"]), tuple(found["owned"]))


def access_of(actor: type) -> Access:
    """What a class declares by itself and by its bases, the nearest first."""
    found = Access()
    for base in actor.__mro__:
        declared = vars(base).get("__access__")
        if isinstance(declared, Access):
            found = found.within(declared)
    return found


def access_of_method(where: str, declared: Access, kind: Access, parameters: Mapping[str, Any]) -> Access:
    """What holds for a method of a kind. ``parameters`` are those that must be given, with their annotations. Raises
    `ConfigurationError`."""
    if declared.says_who and not kind.says_who:
        raise ConfigurationError(
            f"{where} says who may use it, but its class does not, so that the state and all other methods would be open to "
            "anyone: say owner, roles or anyone=True in the class statement, too"
        )
    found = declared.within(kind)
    if found.owned and not found.owner:
        raise ConfigurationError(f"{where}: owned needs an owner, here or in the class statement: who could own them?")
    for name in found.owned:
        if parameters.get(name) is not str:
            raise ConfigurationError(
                f"{where}: owned names {name!r}, which is no parameter that is a plain `str` without a default: what is "
                "checked must be exactly what the method gets"
            )
    return found


def owns(claim: str, key: str) -> bool:
    """Whether the owner that ``claim`` names owns ``key``: it is the claim itself, or goes on after it with a `SEPARATOR`.

    Character by character: nothing is folded or normalised, so a key that only looks alike is another one. Whoever has a
    `SEPARATOR` in the claim owns nothing: ``a~b`` would own what ``a`` owns.
    """
    if not claim or SEPARATOR in claim or not key.startswith(claim):
        return False
    return len(key) == len(claim) or key[len(claim)] == SEPARATOR


def _names(where: str, what: str, names: Sequence[str] | None) -> Sequence[str]:
    if names is None:
        return ()
    if isinstance(names, str) or not names:
        raise ConfigurationError(f'{where}: {what} must be some names, as in {what}=("one",), not {names!r}')
    return names


def _check_name(where: str, what: str, name: object) -> None:
    if not isinstance(name, str) or not _NAME.match(name):
        raise ConfigurationError(
            f"{where}: {what} is {name!r}: it must be printable ASCII without spaces, quotes and backslashes"
        )
