"""What of a request reaches the platform, and what is refused before."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from natya.message import Answer
from natya.ref import Options
from natya_edge.auth.dev_secret import DEV_ISSUER, make_dev_token
from natya_edge.auth.principal import Principal
from natya_edge.tickets import message_id
from support.edge import SECRET, RecordingPlatform, send_raw
from support.world import eventually

DEPOSIT = "/v1/actors/account/alice/deposit"
BALANCE = "/v1/actors/account/alice/balance"
JSON = {"Content-Type": "application/json"}
Client = TestClient[Any, Any]


def authorization(subject: str = "ada", scope: str = "", roles: tuple[str, ...] = ("operator",)) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_dev_token(SECRET, subject, scope=scope, roles=roles)}"}


async def test_a_command_is_called_with_its_body_as_it_came_for_the_verified_caller(
    client: Client, platform: RecordingPlatform
) -> None:
    response = await client.post(DEPOSIT, data=b'{ "amount": 5 }', headers=JSON)
    assert (response.status, await response.read()) == (200, b'{"balance":5}')
    assert response.content_type == "application/json"
    [call] = platform.calls
    assert (call.kind, call.key, call.method, call.body) == ("account", "alice", "deposit", b'{ "amount": 5 }')
    assert (call.caller, call.traceparent, call.options) == ("ada", "", Options(timeout=30.0))


async def test_a_command_needs_neither_body_nor_content_type(client: Client, platform: RecordingPlatform) -> None:
    async with client.post(DEPOSIT, skip_auto_headers=["Content-Type"]) as response:
        assert response.status == 200
    assert platform.calls[0].body == b""


async def test_a_query_is_called_with_its_parameters_as_json(client: Client, platform: RecordingPlatform) -> None:
    assert (await client.get("/v1/actors/types/a/typed?whole=3&numbers=1&numbers=2")).status == 200
    assert (await client.get(BALANCE)).status == 200
    assert [call.body for call in platform.calls] == [b'{"whole":3,"numbers":[1,2]}', b""]


async def test_headers_of_the_protocol_and_of_nats_go_no_further(client: Client, platform: RecordingPlatform) -> None:
    forged = {
        "Natya-Caller": "eve", "Natya-Id": "x", "Natya-Keep": "1", "Natya-Deadline": "1", "Nats-Msg-Id": "y",
        "Nats-Rollup": "all", "Natya-Chain": "account/bob", "Natya-Reply-To": "somewhere",
    }  # fmt: skip
    await client.post(DEPOSIT, headers=forged)
    [call] = platform.calls
    assert (call.caller, call.options) == ("ada", Options(timeout=30.0))


async def test_an_idempotency_key_becomes_an_id_of_its_own_user_that_is_kept_for_a_day(
    client: Client, platform: RecordingPlatform
) -> None:
    for subject, key in (("ada", "k 1"), ("ada", "k 1"), ("bob", "k 1"), ("ada", "k 2")):
        await client.post(DEPOSIT, headers={"Idempotency-Key": key, **authorization(subject)})
    ids = [call.options.id for call in platform.calls]
    assert ids[0] == ids[1] == message_id(Principal("ada", issuer=DEV_ISSUER), "k 1")
    assert len(set(ids)) == 3
    assert {call.options.keep for call in platform.calls} == {86_400}


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\tb"], ids=["empty", "long", "not ASCII", "tab"])
async def test_a_bad_idempotency_key_is_refused(client: Client, platform: RecordingPlatform, key: str) -> None:
    response = await client.post(DEPOSIT, headers={"Idempotency-Key": key})
    assert (response.status, (await response.json())["errors"][0]["field"]) == (400, "Idempotency-Key")
    assert platform.calls == []


async def test_the_longest_idempotency_key_is_taken_and_two_are_not(client: Client, platform: RecordingPlatform) -> None:
    assert (await client.post(DEPOSIT, headers={"Idempotency-Key": "x" * 255})).status == 200
    headers = [*authorization().items(), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    assert (await client.post(DEPOSIT, headers=headers)).status == 400


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("wait=10", 10),
        ("handling=lenient, wait=5", 5),
        ('WAIT = "7"; x=y', 7),
        ("wait=9999", 60),
        ("wait=0", 1),
        ("wait=x", 30),
    ],
)
async def test_a_client_may_say_how_long_it_waits(
    client: Client, platform: RecordingPlatform, prefer: str, seconds: int
) -> None:
    await client.post(DEPOSIT, headers={"Prefer": prefer})
    await client.get(BALANCE, headers={"Prefer": prefer})
    assert [call.options.timeout for call in platform.calls] == [seconds, seconds]


@pytest.mark.parametrize(
    ("tag", "version"),
    [('"7"', 7), (' "7" ', 7), ("*", None), ('"7", "7"', 7), ('W/"6", "7","x"', 7), ('"0"', 0)],
)
async def test_if_match_is_the_version_at_which_a_command_runs(
    client: Client, platform: RecordingPlatform, tag: str, version: int | None
) -> None:
    assert (await client.post(DEPOSIT, headers={"If-Match": tag})).status == 200
    assert platform.calls[0].options.if_version == version


async def test_the_answer_to_a_conditional_command_has_the_new_version(client: Client, platform: RecordingPlatform) -> None:
    assert (await client.post(DEPOSIT, headers={"If-Match": '"7"'})).headers["ETag"] == '"8"'
    for headers in ({}, {"If-Match": "*"}):
        assert "ETag" not in (await client.post(DEPOSIT, headers=headers)).headers
    platform.answer = Answer(b"{}", 409, "insufficient_funds")
    assert "ETag" not in (await client.post(DEPOSIT, headers={"If-Match": '"7"'})).headers


@pytest.mark.parametrize("tag", ['W/"7"', '"x"', '""', '"07"', 'W/"7", "x"', '"7x", W/"8"'])
async def test_an_if_match_that_no_version_can_match_fails(client: Client, platform: RecordingPlatform, tag: str) -> None:
    response = await client.post(DEPOSIT, headers={"If-Match": tag})
    assert (response.status, (await response.json())["code"]) == (412, "precondition_failed")
    assert platform.calls == []


@pytest.mark.parametrize("tag", ["7", '"7", "8"', "", '"7" "8"', '"7", *', "'7'", 'w/"7"'])
async def test_an_if_match_that_is_no_version_is_refused(client: Client, platform: RecordingPlatform, tag: str) -> None:
    response = await client.post(DEPOSIT, headers={"If-Match": tag})
    assert (response.status, platform.calls) == (400, [])


async def test_a_trace_context_goes_on_if_it_is_one(client: Client, platform: RecordingPlatform) -> None:
    good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for value in (good, "00-00-00-01", good.upper()):
        await client.post(DEPOSIT, headers={"traceparent": value})
    assert [call.traceparent for call in platform.calls] == [good, "", ""]


async def test_a_sane_request_id_is_kept_and_any_other_replaced(client: Client) -> None:
    for path in (BALANCE, "/livez", "/nowhere"):
        response = await client.get(path, headers={"X-Request-Id": "abc-123"})
        assert response.headers["X-Request-Id"] == "abc-123"
    seen = set()
    for given in ({}, {"X-Request-Id": "a b"}, {"X-Request-Id": "x" * 129}, {"X-Request-Id": ""}):
        made = (await client.get(BALANCE, headers=given)).headers["X-Request-Id"]
        assert made != given.get("X-Request-Id")
        seen.add(made)
    assert len(seen) == 4
    problem = await (await client.get("/nowhere", headers={"X-Request-Id": "abc-123"})).json()
    assert problem["request_id"] == "abc-123"


@pytest.mark.parametrize("type", ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"'])
async def test_json_is_taken(client: Client, type: str) -> None:
    assert (await client.post(DEPOSIT, data=b"{}", headers={"Content-Type": type})).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json-seq"},
        {"Content-Type": ""},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_other_bodies_are_415(client: Client, platform: RecordingPlatform, headers: dict[str, str]) -> None:
    response = await client.post(DEPOSIT, data=b"{}", headers=headers)
    assert (response.status, (await response.json())["code"]) == (415, "unsupported_media_type")
    assert response.headers["Accept"] == "application/json"
    assert platform.calls == []


async def test_a_body_at_the_limit_passes_and_one_above_is_413_declared_or_not(
    client: Client, platform: RecordingPlatform
) -> None:
    async def chunks(size: int) -> Any:
        for _ in range(size // 1_000):
            yield b"x" * 1_000
        yield b"x" * (size % 1_000)

    assert (await client.post(DEPOSIT, data=b"x" * 10_000, headers=JSON)).status == 200
    assert (await client.post(DEPOSIT, data=chunks(10_000), headers=JSON)).status == 200
    assert [len(call.body) for call in platform.calls] == [10_000, 10_000]
    for body in (b"x" * 10_001, chunks(10_001)):
        response = await client.post(DEPOSIT, data=body, headers=JSON)
        problem = await response.json()
        assert (response.status, problem["code"], problem["limit"]) == (413, "too_large", 10_000)
    assert len(platform.calls) == 2


async def test_a_body_that_does_not_come_ends_the_request_in_time(server: TestServer, platform: RecordingPlatform) -> None:
    head = f"POST {DEPOSIT} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization()['Authorization']}\r\n"
    response = await send_raw(server.host, server.port or 0, f"{head}Content-Length: 100\r\n\r\nonly this".encode())
    assert (response.status, response.json["code"]) == (408, "body_timeout")
    assert platform.calls == []


async def test_a_body_in_broken_chunks_is_invalid(server: TestServer, platform: RecordingPlatform) -> None:
    head = f"POST {DEPOSIT} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization()['Authorization']}\r\n"
    response = await send_raw(
        server.host, server.port or 0, f"{head}Transfer-Encoding: chunked\r\n\r\nnonsense\r\n".encode()
    )
    assert response.status == 400
    assert platform.calls == []


async def test_a_command_takes_nothing_from_the_query_string(client: Client, platform: RecordingPlatform) -> None:
    response = await client.post(f"{DEPOSIT}?amount=5")
    assert (response.status, (await response.json())["code"]) == (400, "invalid")
    assert platform.calls == []


async def test_a_method_with_a_scope_needs_a_token_with_it(client: Client, platform: RecordingPlatform) -> None:
    path = "/v1/actors/types/a/guarded"
    response = await client.post(path, headers=authorization(roles=()))
    assert (response.status, (await response.json())["scope"]) == (403, "types:write")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="natya", error="insufficient_scope", scope="types:write"'
    assert platform.calls == []
    assert (await client.post(path, headers=authorization(scope="other types:write", roles=()))).status == 200


async def test_a_client_that_goes_away_does_not_stop_its_command(client: Client, platform: RecordingPlatform) -> None:
    platform.hold = asyncio.Event()
    request = asyncio.create_task(client.post(DEPOSIT))
    await eventually(lambda: platform.calls)
    request.cancel()
    await asyncio.wait({request})
    platform.hold.set()
    assert (await client.post(DEPOSIT)).status == 200
    assert len(platform.calls) == 2
