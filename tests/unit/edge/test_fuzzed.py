"""Bodies and headers that nobody would write: never a 5xx, and always a problem document with a 4xx."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import ClientResponse, ClientSession
from hypothesis import given, settings
from hypothesis import strategies as st

from natya_edge.auth.dev_secret import make_dev_token
from support.doors import Doors, doors
from support.edge import SECRET

TOKEN = {"Authorization": f"Bearer {make_dev_token(SECRET, 'ada')}"}
PATH = "/v1/actors/account/alice/deposit"

values = st.text(st.characters(blacklist_categories=["Cc", "Cs"]), max_size=40)
names = st.sampled_from(
    ["Prefer", "If-Match", "If-None-Match", "Idempotency-Key", "X-Request-Id", "traceparent", "tracestate", "Content-Type", "Content-Encoding",
     "Accept", "Accept-Encoding", "X-Forwarded-For", "Origin", "Authorization", "Expect", "Range", "Last-Event-ID", "Cookie", "Forwarded"]
)  # fmt: skip
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | values,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(values, inner, max_size=4),
    max_leaves=20,
)


def on_an_edge(work: Callable[[Doors, ClientSession], Awaitable[None]]) -> None:
    async def run() -> None:
        async with doors() as edge, ClientSession(f"http://127.0.0.1:{edge.port}") as http:
            await work(edge, http)

    asyncio.run(run())


async def check(response: ClientResponse) -> None:
    body = await response.read()
    assert response.status < 500, body
    if response.status >= 400:
        assert response.content_type == "application/problem+json"
        problem = orjson.loads(body)
        assert problem["status"] == response.status
        assert problem["code"]
        assert problem["detail"]


@settings(deadline=None, max_examples=15)
@given(
    st.lists(st.one_of(st.binary(max_size=200), documents.map(lambda value: str(value).encode())), min_size=1, max_size=8)
)
def test_bodies(bodies: list[bytes]) -> None:
    async def work(edge: Doors, http: ClientSession) -> None:
        for body in bodies:
            for headers in (TOKEN, {**TOKEN, "Content-Type": "application/json"}):
                async with http.post(PATH, data=body, headers=headers) as response:
                    await check(response)

    on_an_edge(work)


@settings(deadline=None, max_examples=15)
@given(st.lists(st.dictionaries(names, values, max_size=6), min_size=1, max_size=8))
def test_headers(requests: list[dict[str, str]]) -> None:
    async def work(edge: Doors, http: ClientSession) -> None:
        for headers in requests:
            given: dict[str, Any] = {**TOKEN, **headers}
            for method, path in (
                ("POST", PATH),
                ("GET", "/v1/actors/account/alice/balance"),
            ):
                async with http.request(method, path, headers=given) as response:
                    await check(response)

    on_an_edge(work)


@settings(deadline=None, max_examples=15)
@given(st.lists(st.text("abz019%/&=+;?[]{}\"'\\ é$.-_~", max_size=60), min_size=1, max_size=8))
def test_query_strings(queries: list[str]) -> None:
    async def work(edge: Doors, http: ClientSession) -> None:
        for query in queries:
            raw = query.replace(" ", "+").encode("ascii", "replace").decode()
            answer = await edge.send(
                f"GET /v1/actors/types/a/typed?{raw} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode()
                + f"Authorization: {TOKEN['Authorization']}\r\n\r\n".encode()
            )
            status = int(answer.split()[1])
            assert status < 500, answer
            assert status < 400 or b"application/problem+json" in answer

    on_an_edge(work)
