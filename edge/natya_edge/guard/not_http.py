"""What is wrong with a request that could not even be read, in our words."""

from __future__ import annotations

from aiohttp import http_exceptions

from natya.errors import Invalid, NatyaError
from natya_edge.errors import HeadTooLarge, UrlTooLong

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
