"""Who may use an operation: its security, and a sentence about what no security scheme can say."""

from __future__ import annotations

from natya.access import SEPARATOR, Access
from natya_edge.auth.principal import OPERATOR
from natya_edge.openapi.schemas import Schema

BEARER = "bearer"


def security(access: Access) -> list[Schema]:
    """The security requirements of an operation."""
    return [{BEARER: [access.scope] if access.scope else []}]


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
