"""``Prefer`` (RFC 7240): what a client would rather have. What is not understood is ignored, as that RFC wants it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from natya_edge.headers import Headers

RESPOND_ASYNC: Final = "respond-async"
_PREFERENCE: Final = re.compile(r"([A-Za-z-]+)(?:\s*=\s*\"?([0-9]{1,9})\"?)?\s*(?:;.*)?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Preferences:
    """``wait``: seconds for which the client would wait for the outcome, None if it does not say. ``respond_async``: it would rather
    have a 202 than wait longer."""

    wait: int | None = None
    respond_async: bool = False


NONE: Final = Preferences()


def preferences(headers: Headers) -> Preferences:
    """What the client prefers; of a preference that is there twice the first counts."""
    if "Prefer" not in headers:
        return NONE
    found: dict[str, str | None] = {}
    for line in headers.getall("Prefer"):
        for part in line.split(","):
            if match := _PREFERENCE.match(part.strip()):
                found.setdefault(match[1].lower(), match[2])
    wait = found.get("wait")
    return Preferences(None if wait is None else int(wait), RESPOND_ASYNC in found)
