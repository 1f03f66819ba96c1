"""Request headers that mean something here. No other header of a request goes any further."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from multidict import CIMultiDictProxy

from natya.errors import Invalid
from natya.telemetry.trace import TraceContext
from natya_edge.errors import UnsupportedMediaType

Headers = CIMultiDictProxy[str]

REQUEST_ID: Final = "X-Request-Id"
KIND_VERSION: Final = "Natya-Kind-Version"
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
MAX_IDEMPOTENCY_KEY: Final = 255

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._~:@+=/-]{1,128}\Z")
_WAIT: Final = re.compile(r"wait\s*=\s*\"?([0-9]{1,9})\"?\s*(?:;.*)?\Z", re.ASCII | re.IGNORECASE)
_VERSION: Final = re.compile(r'"([0-9]{1,16})(?:-gzip|-deflate)?"\Z', re.ASCII)


def request_id(headers: Headers) -> str:
    """The id that the client gave the request, empty if there is none or it is not fit for logs."""
    given = headers.get(REQUEST_ID, "")
    return given if given and _REQUEST_ID.match(given) else ""


def traceparent(headers: Headers) -> str:
    """The W3C trace context, empty if it is malformed: then it must be ignored (Trace Context, 3.2.2)."""
    given = headers.get("traceparent", "")
    return given if given and TraceContext.read(given) else ""


def message_id(headers: Headers, subject: str) -> str:
    """The id that an `Idempotency-Key` stands for, empty if there is none: a hash of it and of the ``subject`` that sends it,
    so that the keys of two users never meet. Raises `Invalid`."""
    if IDEMPOTENCY_KEY not in headers:
        return ""
    given = headers.getall(IDEMPOTENCY_KEY)
    key = given[0]
    if len(given) > 1 or not 1 <= len(key) <= MAX_IDEMPOTENCY_KEY or not (key.isascii() and key.isprintable()):
        raise Invalid(
            f"{IDEMPOTENCY_KEY} must be there once, with 1 to {MAX_IDEMPOTENCY_KEY} printable ASCII characters",
            field=IDEMPOTENCY_KEY,
        )
    return "http-" + hashlib.sha256(f"{subject}\0{key}".encode()).hexdigest()


def wait(headers: Headers, limit: int) -> int | None:
    """The seconds of ``Prefer: wait=…`` (RFC 7240), from 1 to ``limit``; None if the client does not say. Preferences that
    are not understood are ignored, as that RFC wants it."""
    for line in headers.getall("Prefer", ()):
        for preference in line.split(","):
            if found := _WAIT.match(preference.strip()):
                return max(1, min(int(found[1]), limit))
    return None


def if_version(headers: Headers) -> int | None:
    """The version of ``If-Match: "7"``; None if any will do. Raises `Invalid`."""
    given = headers.get("If-Match")
    if given is None or given.strip() == "*":
        return None
    found = _VERSION.match(given.strip())
    if found is None:
        raise Invalid('If-Match must be one version as its ETag says it, for instance "7"', field="If-Match")
    return int(found[1])


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
