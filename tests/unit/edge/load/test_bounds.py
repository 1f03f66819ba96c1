"""What an edge does beyond its bounds, on real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

import orjson
import pytest

from natya.errors import Unavailable
from natya.message import Answer
from natya_edge.auth.dev_secret import make_dev_token
from natya_edge.load.breaker import LEAST
from support.doors import Doors, doors
from support.edge import SECRET
from support.waiting import until
from support.world import eventually


@cache
def _token(subject: str) -> str:
    return make_dev_token(SECRET, subject)


def get(path: str, subject: str = "ada", *, method: str = "GET", more: str = "", token: str | None = None) -> bytes:
    token = _token(subject) if token is None else token
    return (
        f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n{more}\r\n".encode()
    )


class Seen:
    """A response in parts."""

    def __init__(self, response: bytes) -> None:
        head, _, self.body = response.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.title(): value for name, _, value in (line.partition(": ") for line in lines)}

    @property
    def code(self) -> str:
        return str(orjson.loads(self.body)["code"])


BALANCE = "/v1/actors/account/a/balance"


@asynccontextmanager
async def held(edge: Doors, *requests: bytes) -> AsyncIterator[None]:
    """These requests are under way."""
    edge.platform.hold = hold = asyncio.Event()
    there = len(edge.platform.calls)
    sent = [asyncio.create_task(edge.send(request)) for request in requests]
    await eventually(lambda: len(edge.platform.calls) == there + len(requests))
    edge.platform.hold = None
    yield
    hold.set()
    for response in await asyncio.gather(*sent):
        assert Seen(response).status == 200


async def test_beyond_all_that_may_be_under_way_requests_are_refused_before_their_token_is_read() -> None:
    async with doors(request_limit=2) as edge:
        async with held(edge, get(BALANCE), get(BALANCE, "bob")):
            refused = Seen(await edge.send(get(BALANCE, token="none", more="X-Request-Id: mine\r\n")))
            assert (refused.status, refused.code) == (503, "overloaded")
            assert refused.headers["Retry-After"] == "1"
            assert refused.headers["X-Request-Id"] == orjson.loads(refused.body)["request_id"] == "mine"
            assert refused.headers["Connection"] == "close"
            assert refused.headers["X-Content-Type-Options"] == "nosniff"
            assert Seen(await edge.send(get("/livez"))).status == 200
            assert Seen(await edge.send(get("/readyz"))).status == 200
        assert Seen(await edge.send(get(BALANCE))).status == 200


async def test_a_connection_goes_on_after_a_refusal_and_head_gets_no_body() -> None:
    async with doors(request_limit=1) as edge:
        reader, writer = await edge.connect()
        async with held(edge, get(BALANCE)):
            for method in ("HEAD", "GET", "HEAD"):
                writer.write(get(BALANCE, method=method).replace(b"Connection: close\r\n", b""))
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 503 ")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                if method == "GET":
                    assert orjson.loads(await reader.readexactly(length))["code"] == "overloaded"
        writer.write(get(BALANCE))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_a_body_that_is_refused_is_not_taken_for_the_next_request() -> None:
    async with doors(request_limit=1) as edge:
        smuggled = get("/livez")
        post = f"POST /v1/actors/account/a/deposit HTTP/1.1\r\nHost: x\r\nContent-Length: {len(smuggled)}\r\n\r\n".encode()
        async with held(edge, get(BALANCE)):
            found = await edge.send(post + smuggled + get(BALANCE))
        assert found.count(b"HTTP/1.1 503 ") == found.count(b"HTTP/1.1 ") == 2


async def test_plain_requests_are_refused_one_after_another_until_there_is_room() -> None:
    async with doors(principal_limit=1) as edge:
        reader, writer = await edge.connect()
        plain = get(BALANCE).replace(b"Connection: close\r\n", b"")

        async def status(request: bytes) -> int:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]))
            return int(head.split()[1])

        assert await status(plain) == 200
        async with held(edge, get(BALANCE)):
            assert [await status(plain) for _ in range(3)] == [503, 503, 503]
            assert await status(get(BALANCE, "bob").replace(b"Connection: close\r\n", b"")) == 200
            assert await status(plain) == 503
        assert await status(plain) == 200
        writer.close()


async def test_one_principal_leaves_room_for_others() -> None:
    async with doors(principal_limit=1) as edge, held(edge, get(BALANCE)):
        assert Seen(await edge.send(get(BALANCE))).code == "overloaded"
        assert Seen(await edge.send(get(BALANCE, "bob"))).status == 200


async def test_one_kind_leaves_room_for_others() -> None:
    async with doors(kind_limit=1) as edge, held(edge, get(BALANCE)):
        refused = Seen(await edge.send(get(BALANCE, "bob")))
        assert (refused.status, refused.code, refused.headers["Retry-After"]) == (503, "overloaded", "1")
        assert Seen(await edge.send(get("/v1/actors/plain/a/nothing"))).status == 200


async def test_names_that_are_no_kinds_are_not_counted_as_kinds() -> None:
    async with doors(kind_limit=1) as edge:
        assert Seen(await edge.send(get("/v1/actors/nokind/a/balance"))).code == "unknown_kind"


async def test_a_kind_that_nobody_serves_is_refused_at_once_until_it_is_back() -> None:
    async with doors(breaker_after=0.3) as edge:
        edge.platform.answer = Answer.of(Unavailable("nobody owns the actor's partition now"))
        edge.platform.unserved = LEAST

        async def balance() -> Seen:
            return Seen(await edge.send(get(BALANCE)))

        refused = await until(balance, lambda seen: b"no node has served the kind account" in seen.body)
        asked = len(edge.platform.calls)
        refused = await balance()
        assert (refused.status, refused.code, refused.headers["Retry-After"]) == (503, "unavailable", "1")
        assert len(edge.platform.calls) == asked
        assert Seen(await edge.send(get("/v1/actors/account"))).status == 200  # lists need no owner

        edge.platform.answer, edge.platform.unserved = Answer(b"1"), 0

        await until(balance, lambda seen: seen.status == 200)
        assert (await balance()).status == 200


@pytest.mark.parametrize("status", [400, 404, 409, 422, 500])
async def test_what_an_actor_says_no_to_is_no_outage(status: int) -> None:
    async with doors(breaker_after=0.1) as edge:
        edge.platform.answer = Answer(b"{}", status, "no")
        for _ in range(3 * LEAST):
            assert Seen(await edge.send(get(BALANCE))).status == status
