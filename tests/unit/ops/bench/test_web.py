"""The load generator over HTTP, against an aiohttp server of the test's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from natya_ops.bench.web import carry_out, flood
from natya_ops.bench.work import Work

SEEN = web.AppKey("seen", Counter[str])


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    async def answer(request: web.Request) -> web.Response:
        key = request.match_info["key"]
        request.app[SEEN][key] += 1
        assert request.headers["Authorization"] == "Bearer t"
        assert await request.json() == {"amount": 1}
        return web.Response(status=503 if key == "full" else 404 if key == "none" else 200, body=b"x" * 70_000)

    app = web.Application()
    app[SEEN] = Counter()
    app.router.add_post("/a/{key}", answer)
    server = TestServer(app)
    await server.start_server()
    yield server
    await server.close()


def work(server: TestServer, *keys: str, rate: float = 0.0) -> Work:
    return Work(str(server.make_url("/a/")) + "{}", keys, '{"amount":1}', callers=4, seconds=0.5, token="t", rate=rate)


async def test_requests_go_to_all_keys_in_turn_and_others_than_200_count_as_failed(server: TestServer) -> None:
    left = iter(range(30))
    done = await carry_out(work(server, "a", "full", "none"), lambda: next(left, None) is not None)
    assert (done.succeeded, done.failed, done.refused) == (10, 20, 0)
    assert server.app[SEEN] == {"a": 10, "full": 10, "none": 10}
    assert done.latencies["p50"] > 0


async def test_a_flood_tells_refusals_from_failures(server: TestServer) -> None:
    done = await flood(work(server, "a", "full", "none", rate=60))
    assert 5 <= done.succeeded <= 10
    assert 5 <= done.refused <= 10
    assert done.failed + done.succeeded + done.refused <= 30
    assert done.refusals["p50"] > 0
