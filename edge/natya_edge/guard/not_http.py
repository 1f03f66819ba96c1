"""What aiohttp itself finds wrong with a request, in our words."""

from __future__ import annotations

from aiohttp import http_exceptions, web

from natya.errors import Invalid, NatyaError, TooLarge
from natya_edge.errors import ExpectationFailed, HeadTooLarge, MethodNotAllowed, NotFound, UrlTooLong

MAX_URL = 8_190
MAX_FIELD = 16 << 10
MAX_FIELDS = 100


def problem_of_parser(error: BaseException | None, message: str) -> NatyaError:
    """What aiohttp's parser says, without quoting the request back."""
    match error:
        case http_exceptions.LineTooLong():
            if error.args[1] == MAX_URL:
                return UrlTooLong(f"the URL has more than {MAX_URL} bytes")
            return HeadTooLarge(f"a header has more than {MAX_FIELD} bytes")
        case http_exceptions.BadHttpMessage() if "Too many headers" in message:
            return HeadTooLarge(f"the request has more than {MAX_FIELDS} headers")
        case _:
            return Invalid("this is no HTTP/1.1 request: " + message.partition("\n")[0][:100].rstrip(": "))


def problem_of_http(error: web.HTTPException, request: web.BaseRequest) -> NatyaError:
    """What aiohttp itself finds wrong, in our words."""
    match error:
        case web.HTTPMethodNotAllowed():
            allowed = sorted(error.allowed_methods)
            return MethodNotAllowed(f"{request.method} is not allowed here: use {' or '.join(allowed)}", allowed)
        case web.HTTPNotFound():
            return NotFound("there is nothing at this path: actors are at /v1/actors/{kind}/{key}/{method}")
        case web.HTTPRequestEntityTooLarge():
            limit = request.client_max_size
            return TooLarge(f"the body is larger than {limit} bytes", limit=limit)
        case _:
            return ExpectationFailed(f"the request cannot be served: {error.reason}")
