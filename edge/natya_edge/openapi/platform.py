"""What the edge serves beside actors, in the document."""

from __future__ import annotations

from typing import Final

from natya_edge.openapi.problems import INVALID, PRECONDITION_FAILED, UNAVAILABLE, responses
from natya_edge.openapi.schemas import Schema

TAG: Final[Schema] = {"name": "platform", "description": "The edge itself: its health, its keys and this description."}

_READINESS: Final[Schema] = {
    "type": "object",
    "required": ["ready"],
    "properties": {"ready": {"type": "boolean"}, "reason": {"type": "string"}},
}
_JWKS: Final[Schema] = {
    "type": "object",
    "required": ["keys"],
    "properties": {"keys": {"type": "array", "items": {"type": "object", "required": ["kty"]}}},
}


def paths() -> dict[str, Schema]:
    """Health, keys and this very document. None of it needs a token."""
    return {
        "/livez": {
            "get": _public(
                "live",
                "Whether the process lives",
                "200 while the process answers at all, whatever is behind it.",
                {"200": _json("It does.", {"type": "object", "properties": {"live": {"const": True}}}, {"live": True})},
            )
        },
        "/readyz": {
            "get": _public(
                "ready",
                "Whether requests should be sent here",
                "200 while calls can be sent, kinds are known and the store answers.",
                {
                    "200": _json("They should.", _READINESS, {"ready": True}),
                    "503": {
                        **_json("Not now, and why.", _READINESS, {"ready": False, "reason": "not connected to NATS"}),
                        "headers": {"Retry-After": {"$ref": "#/components/headers/Retry-After"}},
                    },
                },
            )
        },
        "/.well-known/jwks.json": {
            "get": _public(
                "jwks",
                "The public keys of tokens",
                "A JWK Set (RFC 7517), for other services that take tokens of this edge. A new key is there before it signs.",
                {"200": _json("The keys.", _JWKS, None)},
            )
        },
        "/openapi.json": {
            "get": {
                **_public(
                    "openapi",
                    "This description",
                    "OpenAPI 3.1, made from what is deployed now.",
                    {
                        "200": {
                            **_json("The document.", {"type": "object"}, None),
                            "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
                        },
                        "304": {"$ref": "#/components/responses/NotModified"},
                        **responses((INVALID, PRECONDITION_FAILED, UNAVAILABLE)),
                    },
                ),
                "parameters": [{"$ref": "#/components/parameters/IfNoneMatch"}],
            }
        },
    }


def _public(id: str, summary: str, text: str, responses: Schema) -> Schema:
    return {
        "operationId": id,
        "tags": [TAG["name"]],
        "summary": summary,
        "description": text,
        "security": [],
        "responses": responses,
    }


def _json(what: str, schema: Schema, example: object) -> Schema:
    content: Schema = {"schema": schema}
    if example is not None:
        content["example"] = example
    return {"description": what, "content": {"application/json": content}}
