"""Text out of a URL: percent-decoded exactly once, strictly."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from natya.errors import Invalid

_BROKEN: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


def decode(raw: str, field: str) -> str:
    """The text that ``raw`` stands for. Raises `Invalid`, naming ``field``, where an escape is broken or the bytes are not UTF-8."""
    if not raw.isascii():
        raise Invalid(f"{field}: the URL has bytes outside ASCII: percent-encode them", field=field)
    if "%" not in raw:
        return raw
    if _BROKEN.search(raw):
        raise Invalid(f"{field}: a % must be followed by two hexadecimal digits (a % itself is %25)", field=field)
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"{field}: what is percent-encoded is not UTF-8", field=field) from error


def query_pairs(raw: str) -> list[tuple[str, str]]:
    """Names and values of a query string, in order; ``+`` is a space. Raises `Invalid`."""
    pairs = []
    for part in raw.split("&"):
        if part:
            name, _, value = part.replace("+", " ").partition("=")
            name = decode(name, "query string")
            pairs.append((name, decode(value, name)))
    return pairs
