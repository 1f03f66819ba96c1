"""Whose events a principal may see: the rules of their kinds decide, those that also guard the states of the same actors."""

from __future__ import annotations

from natya.errors import UnknownKind
from natya.names import decode_key
from natya.ports.events import Wanted
from natya_edge.access import Keys
from natya_edge.auth.principal import Principal
from natya_edge.gateway import Calls, Gateway
from natya_edge.kinds import Kind
from natya_edge.live.subscriber import Visible


def check_asked(wanted: Wanted, principal: Principal, gateway: Gateway, calls: Calls) -> None:
    """Kinds and keys that are named must be there and open to ``principal``. Raises `UnknownKind`, `Forbidden`."""
    for name in sorted(wanted.kinds):
        rule = gateway.kind(calls, name).rule
        if not rule.keys(principal):
            raise rule.refusal(principal)
        for token in sorted(wanted.tokens):
            rule.check(principal, decode_key(token))


def visible_to(principal: Principal, gateway: Gateway, calls: Calls) -> Visible:
    """What ``principal`` may see, by the manifests as they are when it is asked: nothing of a kind that is not deployed any more."""
    known: dict[str, tuple[Kind, Keys]] = {}

    def visible(name: str, key: str) -> bool:
        try:
            kind = gateway.kind(calls, name)
        except UnknownKind:
            return False
        found = known.get(name)
        if found is None or found[0] is not kind:
            known[name] = found = (kind, kind.rule.keys(principal))
        return key in found[1]

    return visible
