"""Answers and problems as HTTP responses. A problem is the document that comes over NATS, with the request's id in it."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from typing import Any, Final

import orjson
from aiohttp import web

from natya.errors import NatyaError
from natya.message import Answer
from natya_edge.errors import headers_of
from natya_edge.gateway import RETRY_AFTER

NO_STORE: Final = "no-store"


def json_response(
    body: bytes, *, status: int = 200, cache: str = NO_STORE, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A JSON document."""
    found = {
        "Content-Type": "application/json",
        "Cache-Control": cache,
    }
    if headers:
        found.update(headers)
    return web.Response(body=body, status=status, headers=found)


def answer_problem(answer: Answer, request_id: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """The problem that an answer stands for (only if it is not ok), with all its document says, and further headers."""
    try:
        document = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        document = answer.error().problem()
    return _problem(answer.code, document, answer.retry_after, request_id, dict(headers or {}))


def error_problem(error: NatyaError, request_id: str) -> web.Response:
    """The problem of an error that the edge itself found."""
    return _problem(error.code, error.problem(), error.retry_after, request_id, headers_of(error))


def raw_problem(error: NatyaError, headers: Mapping[str, str]) -> bytes:
    """The same as the bytes of a response, for a client with which there is no request to answer. It ends the connection."""
    response = error_problem(error, "")
    body = response.body
    assert isinstance(body, bytes)
    found = {**headers, **response.headers, "Content-Length": str(len(body)), "Connection": "close"}
    lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}", *(f"{n}: {v}" for n, v in found.items())]
    return "\r\n".join((*lines, "", "")).encode() + body


def _problem(
    code: int, document: dict[str, Any], retry_after: float | None, request_id: str, headers: dict[str, str]
) -> web.Response:
    if retry_after is None and code == 503:
        retry_after = RETRY_AFTER
    if retry_after is not None:
        headers["Retry-After"] = str(max(1, ceil(retry_after)))
    if request_id:
        document["request_id"] = request_id
    headers["Content-Type"] = "application/problem+json"
    # A number that is no HTTP error can only come from a foreign program on NATS.
    status = code if 400 <= code <= 599 else 500
    return json_response(orjson.dumps(document, default=str), status=status, headers=headers)
