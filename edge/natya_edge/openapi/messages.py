"""Accepted messages in the document: the answer 202, and where their outcomes are told."""

from __future__ import annotations

from typing import Any, Final

from natya.access import Access
from natya.message import digest_of
from natya_edge.auth.principal import Principal
from natya_edge.openapi import parameters, problems
from natya_edge.openapi.access import security
from natya_edge.openapi.schemas import Schema, component
from natya_edge.tickets import issue

TAG: Final[Schema] = {"name": "messages", "description": "What has become of commands that were accepted to be run later."}

MESSAGE: Final = "Message"
MESSAGE_SCHEMA: Final[Schema] = {
    "type": "object",
    "description": "A command that is stored, and its outcome once it has one.",
    "required": ["id", "kind", "key", "status"],
    "properties": {
        "id": {"type": "string"},
        "kind": {"type": "string"},
        "key": {"type": "string"},
        "status": {"enum": ["pending", "done", "failed"]},
        "failures": {"type": "integer", "minimum": 1, "description": "attempts that have failed; another one will be made"},
        "result": {"description": "the command's result, if it is done"},
        "problem": {"type": "object", "description": "why it failed, as a problem document (RFC 9457)"},
    },
}
_ID: Final = issue(Principal("alice"), "account", "alice", digest_of("deposit", b'{"amount":5}'), unique="example").text
_PENDING: Final = {"id": _ID, "kind": "account", "key": "alice", "status": "pending"}
_HEADER_NAMES: Final = ("X-Request-Id", "Retry-After")

HEADERS: Final[dict[str, Schema]] = {
    "Location": {"description": "Where the outcome will be told.", "schema": {"type": "string", "format": "uri-reference"}},
    "Preference-Applied": {"description": "`respond-async` (RFC 7240).", "schema": {"const": "respond-async"}},
    "Link": {
        "description": 'Where the outcome can be learnt: `</v1/messages/…>; rel="status"`.',
        "schema": {"type": "string"},
    },
}

ACCEPTED: Final[Schema] = {
    "description": "The command is stored and will be run once. `Location` is where to ask for its outcome, for a day.",
    "headers": {
        name: {"$ref": f"#/components/headers/{name}"} for name in (*_HEADER_NAMES, "Location", "Preference-Applied")
    },
    "content": {"application/json": {"schema": component(MESSAGE), "example": _PENDING}},
}


def paths() -> dict[str, Schema]:
    """The one path."""
    return {"/v1/messages/{id}": {"get": _message()}}


def _message() -> dict[str, Any]:
    return {
        "operationId": "message",
        "tags": [TAG["name"]],
        "summary": "What has become of an accepted command",
        "description": "Told to whoever sent it, and to operators. With `Prefer: wait=10` the answer waits for the end.",
        "security": security(Access()),
        "parameters": [
            {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}, "example": _ID},
            *parameters.references((parameters.PREFER,)),
        ],
        "responses": {
            "200": {
                "description": "Pending, done, or failed.",
                "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADER_NAMES},
                "content": {
                    "application/json": {
                        "schema": component(MESSAGE),
                        "example": {**_PENDING, "status": "done", "result": {"balance": 5}},
                    }
                },
            },
            **problems.responses(
                (
                    problems.INVALID, problems.UNAUTHENTICATED, problems.NOT_FOUND, problems.TOO_LARGE, problems.TOO_MANY,
                    problems.INTERNAL, problems.UNAVAILABLE,
                )
            ),
        },
    }  # fmt: skip
