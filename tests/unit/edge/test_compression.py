"""What is compressed, how, for whom, and what never is."""

from __future__ import annotations

import gzip
import zlib
from typing import Any, Final

import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer
from multidict import CIMultiDict, CIMultiDictProxy

from natya.errors import Reject
from natya.message import Answer
from natya_edge.auth.dev_secret import make_dev_token
from natya_edge.compression import IN_THREAD, LEAST, best_coding
from support.edge import SECRET, RecordingPlatform, Response, send_raw

Client = TestClient[Any, Any]

LARGE: Final = orjson.dumps({"text": "to and fro " * LEAST})
SMALL: Final = b'"%s"' % (b"x" * (LEAST - 3))
WORTH: Final = b'"%s"' % (b"x" * (LEAST - 2))


async def get(server: TestServer, path: str, accepted: str = "gzip", *, method: str = "GET", **more: str) -> Response:
    """A request whose client does not decompress for itself."""
    headers = {"Host": "x", "Authorization": f"Bearer {make_dev_token(SECRET)}", "Accept-Encoding": accepted, **more}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return await send_raw(server.host, server.port or 0, f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode())


@pytest.mark.parametrize(("coding", "decode"), [("gzip", gzip.decompress), ("deflate", zlib.decompress)])
@pytest.mark.parametrize("body", [WORTH, LARGE, b'"%s"' % (b"abcdefgh" * IN_THREAD)], ids=["least", "large", "in a thread"])
async def test_an_answer_is_compressed(
    server: TestServer, platform: RecordingPlatform, coding: str, decode: Any, body: bytes
) -> None:
    platform.answer = Answer(body)
    response = await get(server, "/v1/actors/account/a/balance", coding)
    assert (response.status, response.headers["Content-Encoding"]) == (200, coding)
    assert int(response.headers["Content-Length"]) == len(response.body) < len(body)
    assert decode(response.body) == body
    assert response.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(("accepted", "body"), [("gzip", SMALL), ("identity", LARGE), ("br", LARGE)])
async def test_an_answer_is_sent_as_it_is(
    server: TestServer, platform: RecordingPlatform, accepted: str, body: bytes
) -> None:
    platform.answer = Answer(body)
    response = await get(server, "/v1/actors/account/a/balance", accepted)
    assert (response.status, "Content-Encoding" in response.headers, response.body) == (200, False, body)
    assert response.headers.get("Vary") == ("Accept-Encoding" if body is LARGE else None)


async def test_a_compressed_state_has_a_tag_of_its_own(server: TestServer, platform: RecordingPlatform) -> None:
    platform.answer = Answer(b'{"version":7,"state":%s}' % LARGE)
    path = "/v1/actors/account/a"
    plain, packed = await get(server, path, "identity"), await get(server, path, "gzip")
    assert (plain.headers["Etag"], packed.headers["Etag"]) == ('"7"', '"7-gzip"')
    assert packed.headers["Vary"] == "Authorization, Accept-Encoding"
    assert gzip.decompress(packed.body) == plain.body
    for tag in ('"7"', '"7-gzip"'):
        async with TestClient(server, headers={"Authorization": f"Bearer {make_dev_token(SECRET)}"}) as client:
            known = await client.get(path, headers={"If-None-Match": tag})
            assert (known.status, known.headers["ETag"]) == (304, tag)
            break


async def test_a_head_request_tells_of_the_compressed_answer(client: Client, platform: RecordingPlatform) -> None:
    platform.answer = Answer(LARGE)
    path = "/v1/actors/account/a/balance"
    whole = await client.get(path, headers={"Accept-Encoding": "gzip"})
    head = await client.head(path, headers={"Accept-Encoding": "gzip"})
    for name in ("Content-Encoding", "Content-Length", "Vary", "Content-Type"):
        assert head.headers[name] == whole.headers[name]


async def test_problems_are_not_compressed(server: TestServer, platform: RecordingPlatform) -> None:
    """They quote what was sent."""
    long = Reject("no", "x" * 5_000)
    for answer in (Answer.of(long), long):
        platform.answer = answer
        response = await get(server, "/v1/actors/account/a/balance")
        assert (response.status, "Content-Encoding" in response.headers) == (409, False)


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("", ""),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("deflate", "deflate"),
        ("gzip, deflate, br", "gzip"),
        ("deflate, gzip", "gzip"),
        ("gzip;q=0.5, deflate;q=0.8", "deflate"),
        ("gzip ; q=0.5 , deflate;Q=0.4", "gzip"),
        ("gzip;q=0", ""),
        ("gzip;q=0.000, deflate", "deflate"),
        ("*", "gzip"),
        ("*;q=0", ""),
        ("gzip;q=0, *", "deflate"),
        ("br, *;q=0.1", "gzip"),
        ("identity", ""),
        ("identity;q=0.5, gzip;q=0.2", ""),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity;q=0, gzip;q=0.001", "gzip"),
        ("gzip;q=2", ""),
        ("gzip;q=x", ""),
        ("gzip;q=0.1234", ""),
        ("gzipped", ""),
        ("x-gzip", ""),
        (",,gzip,", "gzip"),
        (";q=1", ""),
    ],
)
def test_the_coding_that_the_client_likes_best(accepted: str, coding: str) -> None:
    assert best_coding(CIMultiDictProxy(CIMultiDict({"Accept-Encoding": accepted} if accepted else {}))) == coding
