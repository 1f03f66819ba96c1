"""Answers and problems as they leave: the same documents as over NATS, with HTTP's own headers."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from natya.errors import (
    CallCycle,
    DeadlineExceeded,
    Forbidden,
    IdReused,
    Internal,
    Invalid,
    Moved,
    NatyaError,
    NotJson,
    OutcomeUnknown,
    Overloaded,
    PreconditionFailed,
    Reject,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnknownMethod,
)
from natya.message import Answer
from natya_edge.gateway import Gateway
from support.edge import RecordingPlatform

DEPOSIT = "/v1/actors/account/alice/deposit"
BALANCE = "/v1/actors/account/alice/balance"
Client = TestClient[Any, Any]

ERRORS: list[NatyaError] = [
    Invalid("no", field="amount"), NotJson("no"), Unauthenticated("no"), Forbidden("no"), UnknownMethod("no", methods=["a"]),
    Reject("insufficient_funds", "the balance is 3", balance=3), CallCycle("no", actors=["account/a"]),
    PreconditionFailed("no", version=3), TooLarge("no", limit=1, size=2), IdReused("no"), Internal("no", error_id="e1"),
    Moved("no"), Unavailable("no", retry_after=2), Overloaded("no", retry_after=0.2), DeadlineExceeded("no"), OutcomeUnknown("no"),
]  # fmt: skip


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.slug)
@pytest.mark.parametrize("raised", [False, True], ids=["answered", "raised"])
async def test_an_error_keeps_status_and_document(
    client: Client, platform: RecordingPlatform, error: NatyaError, raised: bool
) -> None:
    platform.answer = error if raised else Answer.of(error)
    for response in (
        await client.post(DEPOSIT, headers={"X-Request-Id": "r1"}),
        await client.get(BALANCE, headers={"X-Request-Id": "r1"}),
    ):
        assert response.status == error.code
        assert response.content_type == "application/problem+json"
        assert response.headers["Cache-Control"] == "no-store"
        assert await response.json() == {**error.problem(), "request_id": "r1"}
        expected = {"unavailable": "2", "overloaded": "1", "moved": "1"}.get(error.slug)
        assert response.headers.get("Retry-After") == expected


@pytest.mark.parametrize("code", [0 - 1, 99, 200, 302, 600, 10_000])
async def test_a_foreign_number_is_no_success(client: Client, platform: RecordingPlatform, code: int) -> None:
    platform.answer = Answer(b"what is this", code, "odd")
    response = await client.post(DEPOSIT)
    assert response.status == 500
    assert (await response.json())["detail"] == "what is this"


async def test_a_failure_of_the_edge_is_internal_and_in_the_log_under_the_requests_id(
    client: Client, platform: RecordingPlatform, caplog: pytest.LogCaptureFixture
) -> None:
    platform.answer = RuntimeError("an inner detail")
    with caplog.at_level(logging.ERROR, "natya.edge"):
        response = await client.post(DEPOSIT, headers={"X-Request-Id": "r1"})
    text = await response.text()
    assert response.status == 500
    assert "inner detail" not in text
    assert (await response.json())["error_id"] == "r1"
    [record] = [record for record in caplog.records if record.exc_info]
    assert "r1" in record.getMessage()


async def test_results_are_not_stored_unless_a_query_allows_it(client: Client) -> None:
    for method, path, cache, vary in (
        ("POST", DEPOSIT, "no-store", None),
        ("GET", BALANCE, "no-store", None),
        ("GET", "/v1/actors/types/a/cached", "private, max-age=5", "Authorization"),
    ):
        response = await client.request(method, path)
        assert response.headers["Cache-Control"] == cache
        assert response.headers.get("Vary") == vary
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "Python" not in response.headers["Server"]


async def test_an_error_of_a_cacheable_query_is_not_stored(client: Client, platform: RecordingPlatform) -> None:
    platform.answer = Answer.of(Unavailable("no"))
    assert (await client.get("/v1/actors/types/a/cached")).headers["Cache-Control"] == "no-store"


async def test_the_state_comes_with_its_version_as_etag(client: Client, platform: RecordingPlatform) -> None:
    platform.answer = Answer(b'{"version":7,"state":{"balance":5}}')
    response = await client.get("/v1/actors/account/alice")
    assert (response.status, await response.json()) == (200, {"balance": 5})
    assert (response.headers["ETag"], response.headers["Cache-Control"]) == ('"7"', "private, no-cache")
    [call] = platform.calls
    assert (call.kind, call.key, call.method, call.body, call.caller) == ("account", "alice", "state", b"", "ada")


async def test_an_error_instead_of_a_state_is_a_problem(client: Client, platform: RecordingPlatform) -> None:
    platform.answer = Answer.of(UnknownMethod("plain keeps nothing"))
    assert (await client.get("/v1/actors/plain/a")).status == 404
    assert (await client.get("/v1/actors/account/a?x=1")).status == 400


async def test_away_from_nats_is_unavailable_at_once(client: Client, platform: RecordingPlatform, gateway: Gateway) -> None:
    platform.connected = False
    for _ in range(2):
        for method, path in (("POST", DEPOSIT), ("GET", BALANCE), ("GET", "/v1/actors/account/alice")):
            response = await client.request(method, path)
            assert (response.status, (await response.json())["code"]) == (503, "unavailable")
            assert response.headers["Retry-After"] == "1"
        gateway.detach("cannot reach NATS")
    assert platform.calls == []


async def test_a_head_request_has_the_headers_of_its_get(client: Client) -> None:
    response = await client.head(BALANCE)
    assert (response.status, response.headers["Content-Length"], await response.read()) == (200, "13", b"")
    refused = await client.head(DEPOSIT)
    assert (refused.status, refused.headers["Allow"]) == (405, "OPTIONS, POST")
