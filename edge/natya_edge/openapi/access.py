"""Who may use an operation: its security, and a sentence about what no security scheme can say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from natya.access import SEPARATOR, Access
from natya_edge.auth.principal import OPERATOR
from natya_edge.openapi.schemas import Schema

BEARER: Final = "bearer"
OAUTH: Final = "oauth"

_BEARER: Final[Schema] = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "An access token. For development: the one that `natya up` prints, or `natya token`.",
}


def schemes(manifests: Iterable[Mapping[str, Any]]) -> dict[str, Schema]:
    """The ways to get in: with a token that one has, or with one that the edge gives out."""
    declared = [Access.read(each) for kind in manifests for each in (kind, *kind["methods"].values())]
    scopes = {access.scope: f"for what asks for {access.scope}" for access in declared if access.scope}
    flow: Schema = {"tokenUrl": "/oauth/token", "refreshUrl": "/oauth/token", "scopes": dict(sorted(scopes.items()))}
    return {
        BEARER: _BEARER,
        OAUTH: {
            "type": "oauth2",
            "description": "As a client for itself, or as a user through a client. Without a scope all are granted that may be.",
            "flows": {"clientCredentials": flow, "password": flow},
        },
    }


def security(access: Access) -> list[Schema]:
    """The security requirements of an operation: either will do."""
    scopes = [access.scope] if access.scope else []
    return [{BEARER: scopes}, {OAUTH: scopes}]


def sentence(access: Access) -> str:
    """Whom the operation is open to, for people; empty if to everybody with a token."""
    parts = [f"Needs a token with the scope `{access.scope}`."] if access.scope else []
    if not access.anyone:
        ways = [
            f"the owner of the key (the token's `{access.owner}` is the key, or what stands in it before a `{SEPARATOR}`)"
        ]
        ways = [*(ways if access.owner else []), *(f"the role `{role}`" for role in (*access.roles, OPERATOR))]
        parts.append(f"Open to {' and '.join(ways)}.")
    if access.owned:
        parts.append(f"The owner must own {' and '.join(f'`{name}`' for name in access.owned)}, too.")
    return " ".join(parts)
