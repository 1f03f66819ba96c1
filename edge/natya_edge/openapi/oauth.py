"""Tokens for users and clients, in the document (RFC 6749, 7009, 8414)."""

from __future__ import annotations

from typing import Any, Final

from natya_edge.oauth.accounts import Grant
from natya_edge.oauth.errors import (
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    OAuthError,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from natya_edge.openapi import problems
from natya_edge.openapi.schemas import Schema

TAG: Final[Schema] = {"name": "tokens", "description": "Tokens for users and clients (OAuth 2)."}
CLIENT: Final = "client"
"""The security scheme of clients."""
SCHEME: Final[Schema] = {
    "type": "http",
    "scheme": "basic",
    "description": "Id and secret of a client. They may be in the body instead, as `client_id` and `client_secret`.",
}

_PROBLEMS: Final = (problems.BODY_TIMEOUT, problems.TOO_LARGE, problems.TOO_MANY, problems.INTERNAL, problems.UNAVAILABLE)
_TEXT: Final[Schema] = {"type": "string"}
_SECRET: Final[Schema] = {"type": "string", "format": "password"}
_TOKENS: Final[Schema] = {
    "type": "object",
    "required": ["access_token", "token_type", "expires_in", "scope"],
    "properties": {
        "access_token": _TEXT,
        "token_type": {"const": "Bearer"},
        "expires_in": {"type": "integer", "description": "seconds"},
        "scope": {"type": "string", "description": "what was granted"},
        "refresh_token": {"type": "string", "description": "good once; where the client may refresh"},
    },
}
_METADATA: Final[Schema] = {
    "type": "object",
    "required": ["issuer", "token_endpoint", "revocation_endpoint", "jwks_uri", "response_types_supported"],
}
_ASKED: Final[Schema] = {
    "grant_type": {"enum": [str(grant) for grant in Grant]},
    "username": _TEXT,
    "password": _SECRET,
    "refresh_token": _SECRET,
    "scope": {"type": "string", "description": "a part of what is allowed, with spaces between; all of it if left out"},
}


def paths() -> dict[str, Schema]:
    """The token endpoint and what belongs to it."""
    return {
        "/oauth/token": {
            "post": _operation(
                "token",
                "Get tokens",
                "For the client itself, for a user by name and password, or by a refresh token.",
                _ASKED,
                "grant_type",
                {"description": "The tokens.", "content": {"application/json": {"schema": _TOKENS}}},
                InvalidRequest("the parameter grant_type is missing"),
                InvalidGrant("the refresh token has expired or was revoked"),
                InvalidScope("not allowed here: accounts:write"),
                UnauthorizedClient("the client billing may not use the grant type password"),
                UnsupportedGrantType("grant_type must be one of client_credentials, password, refresh_token"),
            )
        },
        "/oauth/revoke": {
            "post": _operation(
                "revoke",
                "Take a token back",
                "An access token, or a refresh token with its whole log-in. 200 also if the token was not good anyway.",
                {"token": _SECRET, "token_type_hint": _TEXT},
                "token",
                {"description": "It is good no more.", "content": {"application/json": {"schema": {"type": "object"}}}},
                InvalidRequest("the parameter token is missing"),
                InvalidGrant("the token was issued to another client"),
            )
        },
        "/.well-known/oauth-authorization-server": {
            "get": {
                "operationId": "oauth_metadata",
                "tags": [TAG["name"]],
                "summary": "How to get tokens",
                "description": "Where everything is and what is supported, for programs (RFC 8414).",
                "security": [],
                "responses": {
                    "200": {"description": "The metadata.", "content": {"application/json": {"schema": _METADATA}}},
                    **problems.responses((problems.INVALID,)),
                },
            }
        },
    }


def _operation(id: str, summary: str, text: str, asked: Schema, needed: str, done: Schema, *refused: OAuthError) -> Schema:
    properties = {**asked, "client_id": _TEXT, "client_secret": _SECRET}
    form: Schema = {"type": "object", "required": [needed], "properties": properties}
    unproved = _refusal("The client does not prove who it is.", InvalidClient("there is no such client"))
    unproved["headers"] = {"WWW-Authenticate": {"$ref": "#/components/headers/WWW-Authenticate"}}
    return {
        "operationId": id,
        "tags": [TAG["name"]],
        "summary": summary,
        "description": text,
        "security": [{CLIENT: []}],
        "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": form}}},
        "responses": {
            "200": done,
            "400": _refusal("The request is refused.", *refused),
            "401": unproved,
            **problems.responses(_PROBLEMS),
        },
    }


def _refusal(what: str, *refused: OAuthError) -> dict[str, Any]:
    """Errors as RFC 6749, 5.2 has them."""
    schema: Schema = {
        "type": "object",
        "required": ["error", "error_description"],
        "properties": {"error": {"enum": sorted(error.error for error in refused)}, "error_description": _TEXT},
    }
    examples = {error.error: {"value": error.document()} for error in refused}
    return {"description": what, "content": {"application/json": {"schema": schema, "examples": examples}}}
