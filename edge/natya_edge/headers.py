"""Request headers that mean something here. No other header of a request goes any further."""

from __future__ import annotations

import re
from typing import Final

from multidict import CIMultiDictProxy

from natya.errors import Invalid, PreconditionFailed
from natya.telemetry.trace import TraceContext
from natya_edge.errors import UnsupportedMediaType

Headers = CIMultiDictProxy[str]

REQUEST_ID: Final = "X-Request-Id"
KIND_VERSION: Final = "Natya-Kind-Version"
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
MAX_IDEMPOTENCY_KEY: Final = 255

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._~:@+=/-]{1,128}\Z")
_TAG: Final = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS: Final = re.compile(rf"{_TAG}(?:\s*,\s*{_TAG})*\Z")
_VERSION: Final = re.compile(r'(W/)?"(0|[1-9][0-9]{0,15})(?:-gzip|-deflate)?"', re.ASCII)


def request_id(headers: Headers) -> str:
    """The id that the client gave the request, empty if there is none or it is not fit for logs."""
    given = headers.get(REQUEST_ID, "")
    return given if given and _REQUEST_ID.match(given) else ""


def traceparent(headers: Headers) -> str:
    """The W3C trace context, empty if it is malformed: then it must be ignored (Trace Context, 3.2.2)."""
    given = headers.get("traceparent", "")
    return given if given and TraceContext.read(given) else ""


def idempotency_key(headers: Headers) -> str:
    """The `Idempotency-Key`, empty if there is none. Raises `Invalid`."""
    if IDEMPOTENCY_KEY not in headers:
        return ""
    given = headers.getall(IDEMPOTENCY_KEY)
    key = given[0]
    if len(given) > 1 or not 1 <= len(key) <= MAX_IDEMPOTENCY_KEY or not (key.isascii() and key.isprintable()):
        raise Invalid(
            f"{IDEMPOTENCY_KEY} must be there once, with 1 to {MAX_IDEMPOTENCY_KEY} printable ASCII characters",
            field=IDEMPOTENCY_KEY,
        )
    return key


def if_version(headers: Headers) -> int | None:
    """The version that `If-Match` wants; None if any will do, as an actor always exists. Raises `Invalid`, and `PreconditionFailed` if
    no version can match: tags that are weak (RFC 9110, 13.1.1) or not of ours."""
    if "If-Match" not in headers:
        return None
    given = ",".join(headers.getall("If-Match")).strip()
    if given == "*":
        return None
    if not _TAGS.match(given):
        raise Invalid('If-Match must be a version as its ETag says it, for instance "7", or *', field="If-Match")
    versions = {int(version) for weak, version in _VERSION.findall(given) if not weak}
    if len(versions) > 1:
        raise Invalid("If-Match names several versions: name the one that the command is meant for", field="If-Match")
    if not versions:
        raise PreconditionFailed(f"no version of an actor has a tag like {given}: read the state again")
    return versions.pop()


def check_content(headers: Headers) -> None:
    """Raise `UnsupportedMediaType` unless the body is declared as JSON in UTF-8, or not at all."""
    given = headers.get("Content-Type")
    if given is not None:
        type, _, parameters = given.partition(";")
        charset = parameters.strip().lower().replace('"', "")
        if type.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
            raise UnsupportedMediaType(f"a body of {given!r}: send JSON in UTF-8, as Content-Type: application/json")
    if headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMediaType("a compressed body: send it as it is, without Content-Encoding")
