"""The whole document, and the one copy of it that is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from natya.version import VERSION
from natya_edge.listing.freshness import AS_OF
from natya_edge.openapi import events, messages, oauth, parameters, platform, problems
from natya_edge.openapi.access import schemes
from natya_edge.openapi.kinds import describe_kind
from natya_edge.openapi.schemas import Schema

_TEXT: Final = """\
Durable actors over HTTP. An actor always exists: naming it by its kind and key is enough. It handles one message at a time.

A 200 to a command means that its change is durable. Send an `Idempotency-Key` with every command that you may have to repeat.
Every error is a problem document (RFC 9457), and every response has an `X-Request-Id`.
"""
_HEADERS: Final[Mapping[str, Schema]] = {
    "X-Request-Id": {
        "description": "The request's id: the one it was sent with, or else a new one.",
        "schema": {"type": "string"},
    },
    "ETag": {"description": "The version of what is returned.", "schema": {"type": "string"}},
    "Link": {"description": 'The next page, as `rel="next"` (RFC 8288).', "schema": {"type": "string"}},
    AS_OF: {
        "description": "Whatever was answered, or had run, before this is in the list. Absent while it cannot be told.",
        "schema": {"type": "string", "format": "date-time"},
    },
    "Retry-After": {
        "description": "Seconds to wait before a repeat.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "RateLimit-Policy": {
        "description": "What may be sent, as in draft-ietf-httpapi-ratelimit-headers-10: `q` requests in `w` seconds.",
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": "What is left of that: `r` requests now, all of them in `t` seconds.",
        "schema": {"type": "string"},
    },
    "WWW-Authenticate": {"description": "What was wrong with the token (RFC 6750).", "schema": {"type": "string"}},
    **messages.HEADERS,
}
_NOT_MODIFIED: Final[Schema] = {
    "description": "It is still what `If-None-Match` names.",
    "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", "ETag")},
}


def describe(manifests: Mapping[str, Mapping[str, Any]]) -> Schema:
    """The document of these kinds."""
    parts = [describe_kind(manifests[kind]) for kind in sorted(manifests)]
    paths: dict[str, Schema] = {}
    schemas: dict[str, Schema] = {problems.PROBLEM: problems.PROBLEM_SCHEMA, messages.MESSAGE: messages.MESSAGE_SCHEMA}
    for part in parts:
        paths.update(part.paths)
        schemas.update(part.schemas)
    paths.update(messages.paths())
    paths.update(events.paths())
    paths.update(oauth.paths())
    paths.update(platform.paths())
    return {
        "openapi": "3.1.0",
        "info": {"title": "Natya", "version": VERSION, "description": _TEXT},
        "servers": [{"url": "/"}],
        "tags": [*[part.tag for part in parts], messages.TAG, events.TAG, oauth.TAG, platform.TAG],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": dict(parameters.COMPONENTS),
            "responses": {**problems.components(), "NotModified": _NOT_MODIFIED, "Accepted": messages.ACCEPTED},
            "headers": dict(_HEADERS),
            "securitySchemes": {**schemes(manifests.values()), oauth.CLIENT: oauth.SCHEME},
        },
    }


@dataclass(frozen=True, slots=True)
class Document:
    """The document as it is sent, and its entity tag."""

    body: bytes
    tag: str


class Documents:
    """Makes the document when a manifest has changed, and otherwise gives the last one: some milliseconds against some
    microseconds."""

    def __init__(self) -> None:
        self._digests: Mapping[str, str] = {}
        self._document: Document | None = None

    def of(self, manifests: Mapping[str, Mapping[str, Any]]) -> Document:
        """The document of these kinds."""
        digests = {kind: manifest["digest"] for kind, manifest in manifests.items()}
        if self._document is None or digests != self._digests:
            body = orjson.dumps(describe(manifests))
            self._document = Document(body, f'"{hashlib.sha256(body).hexdigest()[:16]}"')
            self._digests = digests
        return self._document
