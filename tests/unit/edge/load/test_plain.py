"""Which requests are told from their bytes alone: only those of which no parser could think otherwise."""

from __future__ import annotations

import pytest

from natya_edge.load.plain import is_plain, token_of

POST = b"POST /v1/actors/account/a/deposit HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer abc \r\nContent-Length: 2\r\n\r\n{}"
GET = b"GET /v1/actors/account/a HTTP/1.1\r\nHost: x\r\n\r\n"


def test_one_whole_request_is_plain() -> None:
    assert is_plain(POST)
    assert is_plain(GET)
    assert (token_of(POST), token_of(GET)) == ("Bearer abc", "")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        POST[:-1],
        POST + b"x",
        POST + GET,
        GET + GET,
        GET[:-2],
        GET.replace(b"GET", b"HEAD"),
        GET.replace(b"/v1/actors/account/a", b"/livez"),
        GET.replace(b"/v1/actors/account/a", b"/v1/events"),
        GET.replace(b"1.1", b"1.0"),
        GET.replace(b"Host: x", b"Host: x\r\nConnection: close"),
        GET.replace(b"Host: x", b"Host: x\r\nX-Request-Id: mine"),
        POST.replace(b"Host: x", b"Host: x\r\nExpect: 100-continue"),
        POST.replace(b"Host: x", b"Host: x\r\nTransfer-Encoding: chunked"),
        POST.replace(b"Host: x", b"Host: x\nTransfer-Encoding: chunked"),
        POST.replace(b"Host: x", b"Host: x\r\n Transfer-Encoding: chunked"),
        POST.replace(b"Host: x", b"Host: x\rTransfer-Encoding: chunked"),
        POST.replace(b"Host: x", b"Host: x\r\nContent-Length: 2"),
        POST.replace(b"Host: x", b"Host: x\r\nContent-Length : 2"),
        POST.replace(b"Length: 2", b"Length: +2"),
        POST.replace(b"Length: 2", b"Length: 2, 2"),
        POST.replace(b"Length: 2", b"Length: 3"),
    ],
)
def test_what_leaves_a_doubt_is_left_to_the_parser(data: bytes) -> None:
    assert not is_plain(data)
