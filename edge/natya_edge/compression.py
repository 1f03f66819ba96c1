"""Answers are compressed for clients that say they can read that.

Not compressed are small bodies, for which it does not pay; streams; problems, which quote what was sent; and whatever the routes for
tokens answer. The last two are for the sake of secrecy: where a secret and a text of an attacker's choice are compressed together, the
length tells how well they match (BREACH). Other answers may hold both, too, but nobody can make a browser ask for them: a bearer token
is not sent along by itself, as a cookie is.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from natya_edge.conditional import encoded_tag
from natya_edge.headers import Headers

LEAST: Final = 1_024
"""Bytes of a body that is worth the time."""
LEVEL: Final = 5
IN_THREAD: Final = 64 << 10
"""Bytes from which on a thread compresses: 64 KiB of JSON take up to two milliseconds."""

_NEVER: Final = "/oauth/"
_TYPES: Final = frozenset({"application/json", "text/html", "text/css", "text/javascript", "application/javascript"})
_WINDOWS: Final = {"gzip": 31, "deflate": 15}
_CODING: Final = re.compile(
    r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*(?:;[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*)?\Z"
)


@web.middleware
async def compress(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Compress the body of an answer if it is worth it and the client likes to have it so."""
    response = await handler(request)
    if not isinstance(response, web.Response):
        return response
    body = response.body
    if not isinstance(body, bytes) or len(body) < LEAST:
        return response
    if response.content_type not in _TYPES or "Content-Encoding" in response.headers or request.path.startswith(_NEVER):
        return response
    vary = response.headers.get("Vary")
    response.headers["Vary"] = f"{vary}, Accept-Encoding" if vary else "Accept-Encoding"
    coding = best_coding(request.headers)
    if coding:
        large = len(body) > IN_THREAD
        response.body = await asyncio.to_thread(_encode, body, coding) if large else _encode(body, coding)
        response.headers["Content-Encoding"] = coding
        if tag := response.headers.get("ETag"):
            response.headers["ETag"] = encoded_tag(tag, coding)
    return response


def best_coding(headers: Headers) -> str:
    """The content coding that ``Accept-Encoding`` (RFC 9110, 12.5.3) likes best among those there are; empty for none."""
    weights: dict[str, float] = {}
    for part in ",".join(headers.getall("Accept-Encoding", ())).split(","):
        if found := _CODING.match(part.strip()):
            weights.setdefault(found[1].lower(), float(found[2] or 1))
    rest = weights.get("*", 0.0)
    gzip, deflate = (weights.get(name, rest) for name in _WINDOWS)
    best, weight = ("deflate", deflate) if deflate > gzip else ("gzip", gzip)
    return best if weight > 0 and weight >= weights.get("identity", 0.0) else ""


def _encode(body: bytes, coding: str) -> bytes:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, _WINDOWS[coding])
    return packer.compress(body) + packer.flush()
