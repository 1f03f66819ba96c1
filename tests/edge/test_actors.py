"""Real actors over HTTP: results, problems, idempotency, keys, limits."""

from __future__ import annotations

import asyncio
import json as text
from typing import Any
from urllib.parse import quote

import nats
import pytest
from aiohttp import ClientSession
from yarl import URL

from natya.names import encode_key
from natya_edge.auth.dev_secret import make_dev_token
from support.cluster import Cluster
from support.edge import SECRET

Got = tuple[int, Any]


async def post(http: ClientSession, path: str, json: object = None, **headers: str) -> Got:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with http.post(URL(f"/v1/actors/{path}", encoded=True), json=json, headers=named) as response:
        return response.status, await response.json(content_type=None)


async def get(http: ClientSession, path: str, **headers: str) -> Got:
    async with http.get(URL(f"/v1/actors/{path}", encoded=True), headers=headers) as response:
        return response.status, await response.json(content_type=None)


async def test_a_deposit_shows_in_balance_and_state(http: ClientSession, key: str) -> None:
    assert await post(http, f"account/{key}/deposit", {"amount": 5}) == (200, {"balance": 5})
    assert await post(http, f"account/{key}/withdraw", {"amount": 2}) == (200, {"balance": 3})
    assert await get(http, f"account/{key}/balance") == (200, {"balance": 3})
    async with http.get(f"/v1/actors/account/{key}") as response:
        assert (await response.json(), response.headers["ETag"]) == ({"balance": 3}, '"2"')
    async with http.get(f"/v1/actors/account/{key}", headers={"If-None-Match": '"2"'}) as response:
        assert response.status == 304


async def test_a_request_repeated_under_its_idempotency_key_takes_effect_once(http: ClientSession, key: str) -> None:
    first = await post(http, f"account/{key}/deposit", {"amount": 5}, Idempotency_Key="d1")
    again = await asyncio.gather(
        *(post(http, f"account/{key}/deposit", {"amount": 5}, Idempotency_Key="d1") for _ in range(5))
    )
    assert [first, *again] == [(200, {"balance": 5})] * 6
    assert await post(http, f"account/{key}/deposit", {"amount": 5}, Idempotency_Key="d2") == (200, {"balance": 10})


async def test_an_idempotency_key_with_another_body_or_method_is_422(http: ClientSession, key: str) -> None:
    await post(http, f"account/{key}/deposit", {"amount": 5}, Idempotency_Key="d1")
    for method, amount in (("deposit", 6), ("withdraw", 5)):
        status, problem = await post(http, f"account/{key}/{method}", {"amount": amount}, Idempotency_Key="d1")
        assert (status, problem["code"]) == (422, "id_reused")
    assert await get(http, f"account/{key}/balance") == (200, {"balance": 5})


async def test_the_same_idempotency_key_of_two_users_are_two_intentions(http: ClientSession, key: str) -> None:
    bob = f"Bearer {make_dev_token(SECRET, 'bob')}"
    assert await post(http, f"account/{key}/deposit", {"amount": 5}, Idempotency_Key="d1") == (200, {"balance": 5})
    assert await post(http, f"account/{key}/deposit", {"amount": 6}, Idempotency_Key="d1", Authorization=bob) == (
        200,
        {"balance": 11},
    )


async def test_a_rejection_is_remembered_too(http: ClientSession, key: str) -> None:
    rejected = await post(http, f"account/{key}/withdraw", {"amount": 5}, Idempotency_Key="w1", X_Request_Id="r")
    assert (rejected[0], rejected[1]["code"], rejected[1]["balance"]) == (409, "insufficient_funds", 0)
    await post(http, f"account/{key}/deposit", {"amount": 5})
    assert await post(http, f"account/{key}/withdraw", {"amount": 5}, Idempotency_Key="w1", X_Request_Id="r") == rejected


async def test_a_balance_that_could_not_be_stored_is_a_no(http: ClientSession, key: str) -> None:
    most = (1 << 63) - 1
    assert await post(http, f"account/{key}/deposit", {"amount": most}) == (200, {"balance": most})
    status, problem = await post(http, f"account/{key}/deposit", {"amount": 1})
    assert (status, problem["code"], problem["balance"]) == (409, "balance_limit", most)
    assert await get(http, f"account/{key}/balance") == (200, {"balance": most})


async def test_a_problem_is_the_document_that_comes_over_nats(cluster: Cluster, http: ClientSession, key: str) -> None:
    connection = await nats.connect(cluster.nats.url)
    try:
        for method, body in (("withdraw", b'{"amount":5}'), ("deposit", b'{"amount":-1,"x":2}'), ("deposit", b"{")):
            reply = await connection.request(f"natya.ask.account.{key}.{method}", body, timeout=20)
            async with http.post(
                f"/v1/actors/account/{key}/{method}", data=body, headers={"Content-Type": "application/json"}
            ) as response:
                problem = await response.json()
                assert response.content_type == "application/problem+json"
            del problem["request_id"]
            assert problem == text.loads(reply.data)
            assert str(response.status) == (reply.headers or {})["Nats-Service-Error-Code"]
    finally:
        await connection.close()


@pytest.mark.parametrize("body", [b"{", b"[1]", b"5", b"null", b"\xff", b'{"amount":5}{}', b"amount=5"])
async def test_a_body_that_is_no_json_object_is_400(http: ClientSession, key: str, body: bytes) -> None:
    async with http.post(
        f"/v1/actors/account/{key}/deposit", data=body, headers={"Content-Type": "application/json"}
    ) as response:
        assert (response.status, (await response.json())["code"]) == (400, "not_json")


@pytest.mark.parametrize(
    ("body", "field"), [({}, "amount"), ({"amount": "5"}, "amount"), ({"amount": 0}, "amount"), ({"amount": 1, "x": 1}, "x")]
)
async def test_a_wrong_parameter_is_named(http: ClientSession, key: str, body: object, field: str) -> None:
    status, problem = await post(http, f"account/{key}/deposit", body)
    assert (status, problem["code"], [error["field"] for error in problem["errors"]]) == (400, "invalid", [field])


async def test_parameters_of_a_query_come_from_the_query_string(http: ClientSession, key: str) -> None:
    await post(http, f"inbox/{key}/deliver", {"text": "one"})
    await post(http, f"inbox/{key}/deliver", {"text": "two"})
    status, notes = await get(http, f"inbox/{key}/newest?limit=1")
    assert (status, [note["text"] for note in notes]) == (200, ["two"])
    for wrong in ("limit=0", "limit=x", "more=1"):
        status, problem = await get(http, f"inbox/{key}/newest?{wrong}")
        assert (status, problem["errors"][0]["field"]) == (400, wrong.partition("=")[0])


@pytest.mark.parametrize(
    "key", ["a/b", "a.b", "..", "*", ">", "a b", "\0", "é", "100%", "%2F", "\r\n", "x" * 200, "🎭" * 50]
)
async def test_every_key_is_an_actor_of_its_own(http: ClientSession, key: str) -> None:
    assert await get(http, f"echo/{encode_key(key)}/say?text=hello") == (200, f"{key}: hello")


@pytest.mark.parametrize("key", ["x" * 201, "🎭" * 51])
async def test_a_key_that_is_too_long_is_400(http: ClientSession, key: str) -> None:
    status, problem = await get(http, f"account/{quote(key)}/balance")
    assert (status, problem["errors"][0]["field"]) == (400, "key")


async def test_the_actor_knows_the_verified_caller_and_nobody_can_forge_it(http: ClientSession, key: str) -> None:
    assert await post(http, f"nasty/{key}/who", Natya_Caller="eve") == (200, "ada")
    assert await get(http, f"nasty/{key}/who_reads") == (200, "ada")


async def test_a_failing_handler_is_500_without_its_inner_details(http: ClientSession, key: str) -> None:
    status, problem = await post(http, f"nasty/{key}/boom")
    assert (status, problem["code"]) == (500, "internal")
    assert "inner detail" not in str(problem)
    assert problem["error_id"]
    assert await get(http, f"nasty/{key}/turns") == (200, {"turns": 0})


async def test_a_body_as_large_as_it_may_be_reaches_the_actor(http: ClientSession, key: str) -> None:
    room = (1 << 20) - (16 << 10)
    for size, status, code in ((room, 400, "invalid"), (room + 1, 413, "too_large")):
        body = b'{"amount":"' + b"x" * (size - 13) + b'"}'
        async with http.post(
            f"/v1/actors/account/{key}/deposit", data=body, headers={"Content-Type": "application/json"}
        ) as response:
            assert (len(body), response.status, (await response.json())["code"]) == (size, status, code)


async def test_a_state_that_cannot_be_stored_is_413(http: ClientSession, key: str) -> None:
    status, problem = await post(http, f"nasty/{key}/fill", {"size": 2_000_000})
    assert (status, problem["code"]) == (413, "too_large")


async def test_a_wait_that_is_too_short_is_504(http: ClientSession, key: str) -> None:
    status, problem = await post(http, f"nasty/{key}/sleep", {"seconds": 30}, Prefer="wait=1")
    assert (status, problem["code"]) == (504, "deadline")


async def test_a_command_runs_only_at_the_version_it_expects(http: ClientSession, key: str) -> None:
    assert (await post(http, f"account/{key}/deposit", {"amount": 5}, If_Match='"0"'))[0] == 200
    status, problem = await post(http, f"account/{key}/deposit", {"amount": 5}, If_Match='"0"')
    assert (status, problem["code"], problem["version"]) == (412, "precondition_failed", 1)
    async with http.get(f"/v1/actors/account/{key}") as response:
        current = response.headers["ETag"]
    assert await post(http, f"account/{key}/deposit", {"amount": 5}, If_Match=current) == (200, {"balance": 10})


async def test_what_only_actors_may_send_is_403(http: ClientSession, key: str) -> None:
    status, problem = await post(http, f"transfer/{key}/proceed", {"phase": "new"})
    assert (status, problem["code"]) == (403, "forbidden")


async def test_a_kind_without_state_has_none_to_show(http: ClientSession, key: str) -> None:
    assert (await get(http, f"echo/{key}"))[0] == 404


async def test_many_requests_at_once_are_each_done_once(http: ClientSession, key: str) -> None:
    answers = await asyncio.gather(*(post(http, f"counter/{key}/increment") for _ in range(100)))
    assert sorted(answer[1]["value"] for answer in answers) == list(range(1, 101))
