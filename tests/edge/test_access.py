"""Who may do what to whose actor, with real actors: what is refused has not happened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import ClientSession
from yarl import URL

from natya_edge.auth.dev_secret import make_dev_token
from natya_edge.main import Running
from support.edge import SECRET
from support.waiting import until

As = Callable[..., Awaitable[ClientSession]]
Got = tuple[int, Any]


@pytest.fixture
async def acting_as(edge: Running) -> AsyncIterator[As]:
    """Makes clients of somebody with these roles."""
    async with AsyncExitStack() as stack:

        async def make(subject: str, *roles: str) -> ClientSession:
            token = make_dev_token(SECRET, subject, roles=roles)
            return await stack.enter_async_context(ClientSession(edge.url, headers={"Authorization": f"Bearer {token}"}))

        yield make


async def send(http: ClientSession, method: str, path: str, /, **body: object) -> Got:
    async with http.request(method, URL(f"/v1/actors/{path}", encoded=True), json=body or None) as response:
        return response.status, await response.json(content_type=None)


async def test_an_account_is_its_owners_and_the_tellers(acting_as: As, key: str) -> None:
    owner, stranger, teller = await acting_as(key), await acting_as(f"{key}2"), await acting_as("tina", "teller")
    assert await send(owner, "POST", f"account/{key}/deposit", amount=5) == (200, {"balance": 5})
    for method, what in (("POST", "/withdraw"), ("POST", "/deposit"), ("GET", "/balance"), ("GET", "")):
        status, problem = await send(stranger, method, f"account/{key}{what}", **({"amount": 1} if method == "POST" else {}))
        assert (status, problem["code"]) == (403, "forbidden")
    assert await send(teller, "GET", f"account/{key}/balance") == (200, {"balance": 5})


async def test_a_transfer_moves_ones_own_money_only(acting_as: As, key: str) -> None:
    alice, bob = f"{key}a", f"{key}b"
    owner, other = await acting_as(alice), await acting_as(bob)
    assert (await send(owner, "POST", f"account/{alice}/deposit", amount=5))[0] == 200
    stolen = {"source": alice, "target": bob, "amount": 5}
    assert (await send(other, "POST", f"transfer/{bob}~1/start", **stolen))[0] == 403
    assert (await send(other, "POST", f"transfer/{alice}~1/start", **stolen))[0] == 403
    assert (await send(owner, "POST", f"transfer/{alice}~1/start", **{**stolen, "amount": 2}))[0] == 200

    async def phase() -> str:
        _, found = await send(owner, "GET", f"transfer/{alice}~1/status")
        return str(found["phase"])

    await until(phase, lambda found: found == "done")
    assert await send(owner, "GET", f"account/{alice}/balance") == (200, {"balance": 3})
    assert await send(other, "GET", f"account/{bob}/balance") == (200, {"balance": 2})
    assert (await send(other, "GET", f"transfer/{alice}~1/status"))[0] == 403


async def test_anybody_delivers_a_note_under_their_own_name_and_the_owner_reads_it(acting_as: As, key: str) -> None:
    owner, other = await acting_as(key), await acting_as("bob")
    assert await send(other, "POST", f"inbox/{key}/deliver", text="hello") == (200, {"received": 1})
    assert (await send(other, "GET", f"inbox/{key}/newest"))[0] == 403
    [note] = (await send(owner, "GET", f"inbox/{key}/newest"))[1]
    assert (note["sender"], note["text"]) == ("bob", "hello")


async def test_a_refused_request_leaves_its_idempotency_key_free(acting_as: As, edge: Running, key: str) -> None:
    for roles, status in (((), 403), (("teller",), 200)):
        http = await acting_as("tina", *roles)
        async with http.post(
            f"/v1/actors/account/{key}/deposit", json={"amount": 5}, headers={"Idempotency-Key": "one"}
        ) as response:
            assert response.status == status


async def test_the_caller_is_known_to_actors_that_are_asked_in_its_turn(acting_as: As, key: str) -> None:
    http = await acting_as("ada")
    ask = {"kind": "nasty", "key": f"{key}-2", "method": "who", "parameters": {}}
    assert await send(http, "POST", f"nasty/{key}/ask_other", **ask) == (200, "ada")
