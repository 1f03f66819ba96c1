"""Paths are decoded exactly once, strictly, and the key in them is any text."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import TestServer

from natya.errors import Invalid
from natya.names import encode_key
from natya_edge.auth.dev_secret import make_dev_token
from support.edge import SECRET, RecordingPlatform, Response, send_raw


async def send(server: TestServer, path: bytes, method: bytes = b"GET") -> Response:
    token = make_dev_token(SECRET).encode()
    request = b"%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 0\r\n\r\n" % (method, path, token)
    return await send_raw(server.host, server.port or 0, request)


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (b"alice", "alice"),
        (b"a%2Fb", "a/b"),
        (b"a%2fb", "a/b"),
        (b"%2F", "/"),
        (b"a%252Fb", "a%2Fb"),
        (b"100%25", "100%"),
        (b"..", ".."),
        (b".", "."),
        (b"%2E%2E", ".."),
        (b"..%2F..", "../.."),
        (b"%00", "\0"),
        (b"a%0D%0Ab", "a\r\nb"),
        (b"a.b", "a.b"),
        (b"a+b", "a+b"),
        (b"a%20b", "a b"),
        (b"*", "*"),
        (b"%3E", ">"),
        (b"%C3%A9", "é"),
        (b"%F0%9F%8E%AD", "\N{PERFORMING ARTS}"),
        (b"a;b=c", "a;b=c"),
        (b"{key}", "{key}"),
        (b"a%3Fb%23c", "a?b#c"),
        (b"state", "state"),
    ],
)
async def test_a_key_is_decoded_once(server: TestServer, platform: RecordingPlatform, raw: bytes, key: str) -> None:
    response = await send(server, b"/v1/actors/account/%s/balance" % raw)
    assert response.status == 200, response.body
    assert platform.calls[0].key == key
    encode_key(key)


@pytest.mark.parametrize("raw", [b"%FF", b"%C3", b"%ED%A0%80", b"%C0%AF", b"%", b"%4", b"%zz", b"a%", b"%u0041"])
async def test_a_key_that_cannot_be_decoded_is_refused(server: TestServer, platform: RecordingPlatform, raw: bytes) -> None:
    response = await send(server, b"/v1/actors/account/%s/balance" % raw)
    assert (response.status, response.json["code"]) == (400, "invalid")
    assert response.json["errors"][0]["field"] == "key"
    assert platform.calls == []


@pytest.mark.parametrize("raw", ["é".encode(), b"\xff", b"a\x00b", b"a b"])
async def test_a_url_with_bytes_that_must_be_encoded_is_refused(
    server: TestServer, platform: RecordingPlatform, raw: bytes
) -> None:
    assert (await send(server, b"/v1/actors/account/%s/balance" % raw)).status == 400
    assert platform.calls == []


@pytest.mark.parametrize("path", [b"/v1/actors/account//balance", b"/v1/actors/account/"])
async def test_an_empty_key_is_refused(server: TestServer, path: bytes) -> None:
    response = await send(server, path)
    assert (response.status, response.json["errors"][0]["field"]) == (400, "key")


async def test_what_the_platform_says_of_a_key_is_passed_on(server: TestServer, platform: RecordingPlatform) -> None:
    platform.answer = Invalid("the key has 201 bytes of UTF-8: at most 200 are allowed", field="key")
    response = await send(server, b"/v1/actors/account/%s/balance" % (b"x" * 201))
    assert (response.status, response.json["detail"][:11]) == (400, "the key has")


@pytest.mark.parametrize(
    "path",
    [
        b"/",
        b"/v1",
        b"/v1/",
        b"/v1/actors",
        b"/v1/actors/account/a/b/c",
        b"/v1/../etc/passwd",
        b"//livez",
    ],
)
async def test_other_paths_are_not_found(server: TestServer, path: bytes) -> None:
    response = await send(server, path)
    assert (response.status, response.json["code"]) == (404, "not_found")
    assert response.headers["Content-Type"] == "application/problem+json"


async def test_an_absolute_url_is_the_same_request(server: TestServer, platform: RecordingPlatform) -> None:
    assert (await send(server, b"http://example.org/v1/actors/account/a%2Fb/balance")).status == 200
    assert platform.calls[0].key == "a/b"


async def test_a_kind_or_method_that_cannot_be_one_is_unknown(server: TestServer) -> None:
    for path, code in (
        (b"/v1/actors/no/a/b", "unknown_kind"),
        (b"/v1/actors/no/a", "unknown_kind"),
        (b"/v1/actors/Account/a/b", "unknown_kind"),
        (b"/v1/actors/%2A/a/b", "unknown_kind"),
        (b"/v1/actors//a/b", "unknown_kind"),
        (b"/v1/actors/account/a/no", "unknown_method"),
        (b"/v1/actors/account/a/", "unknown_method"),
        (b"/v1/actors/account/a/state", "unknown_method"),
        (b"/v1/actors/account/a/%3E", "unknown_method"),
    ):
        response = await send(server, path)
        assert (response.status, response.json["code"]) == (404, code), path


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        (b"GET", b"/v1/actors/account/a/deposit", "OPTIONS, POST"),
        (b"POST", b"/v1/actors/account/a/balance", "GET, HEAD, OPTIONS"),
        (b"POST", b"/v1/actors/account/a", "GET, HEAD, OPTIONS"),
        (b"DELETE", b"/v1/actors/account/a", "GET, HEAD, OPTIONS"),
        (b"PUT", b"/v1/actors/account/a/deposit", "OPTIONS, POST"),
        (b"POST", b"/livez", "GET, HEAD, OPTIONS"),
    ],
)
async def test_the_wrong_http_method_is_405_and_the_right_one_named(
    server: TestServer, platform: RecordingPlatform, method: bytes, path: bytes, allow: str
) -> None:
    response = await send(server, path, method)
    assert (response.status, response.headers["Allow"], response.json["code"]) == (405, allow, "method_not_allowed")
    assert platform.calls == []
