"""Conditional requests (RFC 9110, 13): what a client has already, or insists on.

A tag names a state of a resource; its spelling after a content coding was applied is the tag with ``-gzip`` or ``-deflate`` behind
it, because a strong tag names bytes. All spellings mean the same state.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from natya.errors import Invalid, PreconditionFailed
from natya_edge.headers import Headers
from natya_edge.responses import json_response

CODINGS: Final = ("gzip", "deflate")
REVALIDATED: Final = "private, no-cache"
"""Keep it, and ask before it is used again."""

_TAG: Final = re.compile(r'\s*(W/)?("[\x21\x23-\x7e\x80-\U0010ffff]*")\s*(?:,|\Z)')


def conditional(
    request: web.Request, body: bytes, tag: str, headers: Mapping[str, str] | None = None, *, cache: str = REVALIDATED
) -> web.Response:
    """The response to a GET or HEAD of what is in the state ``tag``: the JSON ``body``, or 304. Raises `PreconditionFailed`."""
    if insists_on_another(request.headers, tag):
        raise PreconditionFailed(f"what was asked for is at {tag} by now", etag=tag)
    found = dict(headers or {})
    private = cache.startswith("private")
    if known := known_tag(request.headers, tag):
        # What it varies by must be said as if it were sent (RFC 9110, 15.4.5), and then it might be compressed.
        found["Vary"] = "Authorization, Accept-Encoding" if private else "Accept-Encoding"
        return web.Response(status=304, headers={**found, "ETag": known, "Cache-Control": cache})
    if private:
        found["Vary"] = "Authorization"
    return json_response(body, cache=cache, headers={**found, "ETag": tag})


def known_tag(headers: Headers, tag: str) -> str:
    """The spelling of ``tag`` that the client has and may go on using, by ``If-None-Match``; empty if it has none. What is
    no list of tags is no condition."""
    given = ",".join(headers.getall("If-None-Match", ()))
    if given.strip() == "*":
        return tag
    spellings = _spellings(tag)
    return next((known for _, known in _tags(given) or () if known in spellings), "")


def insists_on_another(headers: Headers, tag: str) -> bool:
    """Whether ``If-Match`` asks for a state other than that of ``tag``; weak tags never match. Raises `Invalid` for what is no
    list of tags: to overlook it could do harm."""
    if "If-Match" not in headers:
        return False
    given = ",".join(headers.getall("If-Match"))
    if given.strip() == "*":
        return False
    tags = _tags(given)
    if tags is None:
        raise Invalid('If-Match must be * or entity tags with commas between them, for instance "7"', field="If-Match")
    spellings = _spellings(tag)
    return not any(not weak and known in spellings for weak, known in tags)


def encoded_tag(tag: str, coding: str) -> str:
    """The spelling of a strong tag for what a content coding makes of the resource."""
    return f'{tag[:-1]}-{coding}"'


def _spellings(tag: str) -> set[str]:
    return {tag, *(encoded_tag(tag, coding) for coding in CODINGS)}


def _tags(given: str) -> list[tuple[bool, str]] | None:
    """All tags of a header, and whether each is weak; None if there are none or it is malformed."""
    found: list[tuple[bool, str]] = []
    place = 0
    while place < len(given):
        tag = _TAG.match(given, place)
        if tag is None:
            if given[place].isspace() or given[place] == ",":
                place += 1  # empty members of a list are to be passed over (RFC 9110, 5.6.1)
                continue
            return None
        found.append((bool(tag[1]), tag[2]))
        place = tag.end()
    return found or None
