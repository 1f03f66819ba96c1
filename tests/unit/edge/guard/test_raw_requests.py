"""Requests that two readers may understand differently, and plain nonsense: one clear answer each, and nothing behind it.

A proxy in front and the edge must agree where a request ends. Whatever is ambiguous is refused and ends the connection, so that
what follows on it is never taken for a request of its own.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from natya_edge.auth.dev_secret import make_dev_token
from support.doors import Doors, doors
from support.edge import SECRET

TOKEN = f"Authorization: Bearer {make_dev_token(SECRET, 'ada')}\r\n".encode()
POST = b"POST /v1/actors/account/alice/deposit HTTP/1.1\r\nHost: x\r\n" + TOKEN
SMUGGLED = b"GET /v1/actors/account/smuggled/balance HTTP/1.1\r\nHost: x\r\n" + TOKEN + b"Connection: close\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

AMBIGUOUS = {
    "length and chunks": POST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "chunks and length": POST + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 4\r\n\r\n",
    "two equal lengths": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "a signed length": POST + b"Content-Length: +2\r\n\r\n{}",
    "a length in hexadecimal": POST + b"Content-Length: 0x2\r\n\r\n{}",
    "a length with digits grouped": POST + b"Content-Length: 1_0\r\n\r\n",
    "a length without digits": POST + b"Content-Length: \r\n\r\n",
    "a length beyond all bounds": POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "an unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a coding behind a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a folded header": POST + b"X-A: a\r\n Content-Length: 5\r\n\r\n",
    "a folded coding": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a header without a name": POST + b": a\r\n\r\n",
    "a header without a colon": POST + b"nothing\r\n\r\n",
    "a NUL in a header": POST + b"X-A: a\x00b\r\n\r\n",
    "a NUL in a name": POST + b"X-\x00A: a\r\n\r\n",
    "a bare carriage return": POST + b"X-A: a\rContent-Length: 5\r\n\r\n",
    "a space before the first header": b"GET /livez HTTP/1.1\r\n Host: x\r\n\r\n",
    "a chunk size that is no number": POST + CHUNKED + b"\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a chunk size with a sign": POST + CHUNKED + b"\r\n-2\r\n{}\r\n0\r\n\r\n",
    "a chunk size with a prefix": POST + CHUNKED + b"\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "a chunk size beyond all bounds": POST + CHUNKED + b"\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "a chunk that is longer than it says": POST + CHUNKED + b"\r\n1\r\n{}\r\n0\r\n\r\n",
    "no method": b"/livez HTTP/1.1\r\nHost: x\r\n\r\n",
    "an unknown method": b"GRAB /livez HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/0.9": b"GET /livez\r\n\r\n",
    "a version to come": b"GET /livez HTTP/3.0\r\nHost: x\r\n\r\n",
    "a version that is none": b"GET /livez HTTP/x\r\nHost: x\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x07" * 64,
    "no host": b"GET /livez HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /livez HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
}  # fmt: skip
HARMLESS = {
    "absolute form": b"GET http://elsewhere/livez HTTP/1.1\r\nHost: x\r\n\r\n",
    "asterisk form": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "authority form": b"CONNECT elsewhere:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "an upgrade": b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "an upgrade to HTTP/2": b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
    "an expectation": POST + b"Expect: 200-maybe\r\nContent-Length: 0\r\n\r\n",
    "trailers": POST + CHUNKED + b"\r\n2\r\n{}\r\n0\r\nAuthorization: x\r\n\r\n",
    "chunk extensions": POST + CHUNKED + b"\r\n2;a=b\r\n{}\r\n0\r\n\r\n",
    "a fragment": b"GET /livez#a HTTP/1.1\r\nHost: x\r\n\r\n",
    "a body with a GET": b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    "empty lines first": b"\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/1.0": b"GET /livez HTTP/1.0\r\n\r\n",
    "dots": b"GET /v1/actors/account/../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    "bytes outside ASCII": b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
}  # fmt: skip


@pytest.fixture
async def edge() -> AsyncIterator[Doors]:
    async with doors(head_timeout=1, body_timeout=0.5, idle_timeout=1) as edge:
        yield edge


def statuses(answer: bytes) -> list[int]:
    """The status of each response; every one but those that are well has a problem document."""
    found = []
    while answer:
        head, _, rest = answer.partition(b"\r\n\r\n")
        lines = re.match(rb"HTTP/1\.[01] (\d{3}) ", head)
        assert lines, answer[:200]
        status = int(lines[1])
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        body, answer = (rest[: int(length[1])], rest[int(length[1]) :]) if length else (b"", rest)
        assert status < 500, answer
        if status >= 400:
            assert b"application/problem+json" in head, head
            assert orjson.loads(body)["status"] == status
        found.append(status)
    return found


@pytest.mark.parametrize("request_", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
async def test_what_is_ambiguous_is_refused_and_nothing_behind_it_is_read(edge: Doors, request_: bytes) -> None:
    found = statuses(await edge.send(request_ + SMUGGLED))
    assert found
    assert all(400 <= status < 500 for status in found), found
    assert [call.key for call in edge.platform.calls if call.key == "smuggled"] == []


@pytest.mark.parametrize("request_", HARMLESS.values(), ids=HARMLESS.keys())
async def test_what_is_odd_gets_one_answer_and_what_follows_its_own(edge: Doors, request_: bytes) -> None:
    found = statuses(await edge.send(request_ + SMUGGLED))
    assert 1 <= len(found) <= 2, found
    assert len(edge.platform.calls) <= 2


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    head=st.lists(
        st.sampled_from(
            [b"Content-Length: ", b"Transfer-Encoding: ", b"chunked", b"\r\n", b"\r", b"\n", b": ", b" ", b"\x00", b"0", b"5", b"GET / HTTP/1.1",
             b"Host: x\r\n", TOKEN, b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"If-Match: ", b"Prefer: ", b"Idempotency-Key: ",
             b"\xff\xfe", b"Content-Type: ", b"application/json", b"Content-Encoding: gzip\r\n", b"Range: bytes=0-\r\n", b"Cookie: a=b\r\n"]
        )
        | st.binary(max_size=12),
        max_size=14,
    )
)  # fmt: skip
def test_whatever_comes_gets_no_5xx(head: list[bytes]) -> None:
    async def send() -> None:
        async with doors(head_timeout=0.1, body_timeout=0.1, idle_timeout=0.1) as edge:
            statuses(await edge.send(POST + b"".join(head) + b"\r\n\r\n"))

    asyncio.run(send())
