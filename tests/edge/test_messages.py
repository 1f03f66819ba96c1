"""Commands that are accepted to be run later, and commands that come twice, over several edges and real servers."""

from __future__ import annotations

import asyncio
import json as text
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import nats
import pytest
from aiohttp import ClientSession

from natya.message import digest_of
from natya.settings import Settings
from natya_edge.auth.dev_secret import DEV_ISSUER, make_dev_token
from natya_edge.auth.principal import Principal
from natya_edge.main import Running, serving
from natya_edge.settings import EdgeSettings
from natya_edge.tickets import issue
from support.cluster import Cluster
from support.edge import SECRET
from support.waiting import until
from support.world import eventually


@dataclass(frozen=True)
class Got:
    status: int
    headers: dict[str, str]
    json: Any

    @property
    def where(self) -> str:
        return self.headers["Location"]


async def send(http: ClientSession, method: str, path: str, json: object = None, **headers: str) -> Got:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with http.request(method, path, json=json, headers=named) as response:
        return Got(response.status, dict(response.headers), await response.json(content_type=None))


async def post(http: ClientSession, path: str, json: object = None, **headers: str) -> Got:
    return await send(http, "POST", f"/v1/actors/{path}", json, **headers)


async def accept(http: ClientSession, path: str, json: object = None, **headers: str) -> Got:
    found = await post(http, path, json, Prefer="respond-async", **headers)
    assert found.status == 202, found.json
    return found


async def result(http: ClientSession, where: str) -> Any:
    """The message's document when it has ended."""
    found = await send(http, "GET", where, Prefer="wait=20")
    assert found.status == 200, found.json
    assert found.json["status"] != "pending"
    return found.json


@pytest.fixture
async def other(cluster: Cluster, http: ClientSession) -> AsyncIterator[ClientSession]:
    """The same user at another edge."""
    settings = Settings(_env_file=None, nats=cluster.nats.url, store=cluster.store.url)
    async with AsyncExitStack() as stack:
        edge: Running = await stack.enter_async_context(
            serving(settings, EdgeSettings(_env_file=None, port=0, hs256=True, secret=SECRET))
        )
        await eventually(lambda: not edge.gateway.trouble, limit=30)
        yield await stack.enter_async_context(ClientSession(edge.url, headers=http.headers))


async def test_an_accepted_command_runs_once_for_its_caller_and_any_edge_tells_its_result(
    http: ClientSession, other: ClientSession, key: str
) -> None:
    entered = await accept(http, f"ledger/{key}/enter", {"entry": "x"})
    asked = await accept(http, f"nasty/{key}/who")
    for edge in (http, other):
        assert (await result(edge, entered.where))["result"] == {"count": 1}
        assert (await result(edge, asked.where))["result"] == "ada"
    assert (await send(http, "GET", f"/v1/actors/ledger/{key}/entries")).json == ["x"]


async def test_an_accepted_command_that_is_refused_or_wrong_has_failed_with_its_problem(
    http: ClientSession, key: str
) -> None:
    for path, body, code in (
        (f"nasty/{key}/refuse", {"slug": "not_today"}, "not_today"),
        (f"ledger/{key}/enter", {"entry": 5}, "invalid"),
    ):
        found = await result(http, (await accept(http, path, body)).where)
        assert (found["status"], found["problem"]["code"]) == ("failed", code)


async def test_who_would_wait_a_little_gets_the_answer_or_202(http: ClientSession, key: str) -> None:
    quick = await post(http, f"ledger/{key}/enter", {"entry": "x"}, Prefer="respond-async, wait=20")
    assert (quick.status, quick.json) == (200, {"count": 1})
    slow = await post(http, f"ledger/{key}/enter_slowly", {"entry": "y", "seconds": 2.5}, Prefer="respond-async, wait=1")
    assert slow.status == 202
    pending = await send(http, "GET", slow.where)
    assert (pending.json["status"], pending.headers["Retry-After"]) == ("pending", "1")
    assert (await result(http, slow.where))["result"] == {"count": 2}


async def test_an_accepted_command_is_refused_inside_its_turn_at_another_version(http: ClientSession, key: str) -> None:
    first, second = [await accept(http, f"ledger/{key}/enter", {"entry": e}, If_Match='"0"') for e in ("x", "y")]
    assert (await result(http, first.where))["result"] == {"count": 1}
    found = await result(http, second.where)
    assert (found["status"], found["problem"]["code"], found["problem"]["version"]) == ("failed", "precondition_failed", 1)


async def test_one_key_is_one_message_at_every_edge_and_by_both_ways(
    http: ClientSession, other: ClientSession, key: str
) -> None:
    path, body = f"ledger/{key}/enter", {"entry": "x"}
    places = {(await accept(edge, path, body, Idempotency_Key="k1")).where for edge in (http, other, http)}
    assert len(places) == 1
    assert (await result(other, places.pop()))["result"] == {"count": 1}
    assert (await post(other, path, body, Idempotency_Key="k1")).json == {"count": 1}
    assert (await post(http, path, body, Idempotency_Key="k2")).json == {"count": 2}
    later = await accept(other, path, body, Idempotency_Key="k2")
    assert (await result(http, later.where))["result"] == {"count": 2}
    assert (await send(http, "GET", f"/v1/actors/ledger/{key}/entries")).json == ["x", "x"]


async def test_a_key_with_another_body_or_method_is_422_also_where_nobody_waits(http: ClientSession, key: str) -> None:
    first = await accept(http, f"ledger/{key}/enter_slowly", {"entry": "x", "seconds": 3}, Idempotency_Key="k1")
    while_it_runs = await post(http, f"ledger/{key}/enter", {"entry": "x"}, Prefer="respond-async", Idempotency_Key="k1")
    await result(http, first.where)
    done = await post(
        http, f"ledger/{key}/enter_slowly", {"entry": "y", "seconds": 0}, Prefer="respond-async", Idempotency_Key="k1"
    )
    for found in (while_it_runs, done):
        assert (found.status, found.json["code"]) == (422, "id_reused")
    assert (await send(http, "GET", f"/v1/actors/ledger/{key}/entries")).json == ["x"]


async def test_a_second_request_while_the_first_runs_is_409_and_then_gets_its_answer(
    http: ClientSession, other: ClientSession, key: str
) -> None:
    path, body = f"ledger/{key}/enter_slowly", {"entry": "x", "seconds": 4}
    first = asyncio.create_task(post(http, path, body, Idempotency_Key="k1"))

    async def again() -> Got:
        return await post(other, path, body, Idempotency_Key="k1")

    digest = digest_of("enter_slowly", text.dumps(body).encode())
    ticket = issue(Principal("ada", issuer=DEV_ISSUER), "ledger", key, digest, idempotency_key="k1")
    await until(lambda: send(http, "GET", ticket.path), lambda got: got.status == 200)
    found = await again()
    assert (found.status, found.json["code"], found.headers["Retry-After"]) == (409, "id_in_flight", "1")
    changed = await post(other, path, {"entry": "y", "seconds": 0}, Idempotency_Key="k1")
    assert (changed.status, changed.json["code"]) == (422, "id_reused")
    assert found.headers["Link"] == f'<{ticket.path}>; rel="status"'
    assert (await result(other, ticket.path))["result"] == {"count": 1}
    assert (await first).json == (await until(again, lambda got: got.status == 200)).json == {"count": 1}
    assert (await send(http, "GET", f"/v1/actors/ledger/{key}/entries")).json == ["x"]


async def test_nobody_else_is_told_of_a_message(http: ClientSession, cluster: Cluster, edge: Running, key: str) -> None:
    where = (await accept(http, f"ledger/{key}/enter", {"entry": "x"}, Idempotency_Key="k1")).where
    await result(http, where)
    for token, status in (
        (make_dev_token(SECRET, "bob", roles=()), 404),
        (make_dev_token(SECRET, "bob", roles=["operator"]), 200),
    ):
        found = await send(http, "GET", where, Authorization=f"Bearer {token}")
        assert found.status == status
    bob = await accept(
        http,
        f"ledger/{key}/enter",
        {"entry": "y"},
        Idempotency_Key="k1",
        Authorization=f"Bearer {make_dev_token(SECRET, 'bob', roles=())}",
    )
    assert bob.where != where


async def test_a_caller_in_a_stored_message_is_not_believed_without_the_edges_vouch(
    http: ClientSession, cluster: Cluster, key: str
) -> None:
    connection = await nats.connect(cluster.nats.url)
    try:
        replies = await connection.subscribe(inbox := connection.new_inbox())
        dead = await connection.subscribe(f"natya.dead.nasty.{key}.who")
        await connection.flush()
        forged = {"Natya-Caller": "ada", "Natya-Reply-To": inbox}
        await connection.jetstream().publish(f"natya.tell.nasty.{key}.who", b"", headers=forged)
        assert text.loads((await replies.next_msg(20)).data) == ""
        forged["Natya-Vouch"] = "0" * 64
        await connection.jetstream().publish(f"natya.tell.nasty.{key}.who", b"", headers=forged)
        assert text.loads((await dead.next_msg(20)).data)["error"]["code"] == "forbidden"
    finally:
        await connection.close()
    assert (await result(http, (await accept(http, f"nasty/{key}/who")).where))["result"] == "ada"


async def test_a_kind_that_is_not_deployed_accepts_nothing_and_a_changed_id_leads_nowhere(
    http: ClientSession, key: str
) -> None:
    unknown = await post(http, f"nothing/{key}/do", Prefer="respond-async")
    assert (unknown.status, unknown.json["code"]) == (404, "unknown_kind")
    where = (await accept(http, f"ledger/{key}/enter", {"entry": "x"})).where
    await result(http, where)
    assert (await send(http, "GET", where[:-2])).status == 404
