"""The text of a token, read strictly and not believed yet: it only tells whose keys must have signed it.

The compact form of RFC 7515 and no other, without padding; JSON without repeated names and without NaN. What is read here is the
same as what is verified later, because nothing has two readings.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any, Final, NoReturn

from natya_edge.errors import BadToken

MAX_TOKEN: Final = 4_096
"""Characters."""

_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z")


def read_token(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims. Raises `BadToken`."""
    if len(token) > MAX_TOKEN or _COMPACT.match(token) is None:
        raise BadToken(f"the token is no signed JWT of at most {MAX_TOKEN} characters")
    header, claims, _ = token.split(".")
    return _object(header), _object(claims)


def _object(part: str) -> dict[str, Any]:
    try:
        text = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode()
        found = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise BadToken("header and claims of the token must be JSON objects without repeated names") from error
    if not isinstance(found, dict):
        raise BadToken("header and claims of the token must be JSON objects")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is repeated")
    return found


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
