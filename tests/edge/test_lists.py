"""Lists of real actors, out of a real store."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Any

import pytest
from aiohttp import ClientSession
from yarl import URL

from natya.names import encode_key
from natya.settings import Settings
from natya_edge.auth.dev_secret import make_dev_token
from natya_edge.main import serving
from natya_edge.settings import EdgeSettings
from support.cluster import Cluster
from support.edge import SECRET
from support.waiting import until
from support.world import eventually

BALANCES = {"a": 30, "b": 10, "c": 20, "d": 10, "é/.$": 50}


async def get(http: ClientSession, query: str, **headers: str) -> tuple[int, Any]:
    async with http.get(URL(f"/v1/actors/{query}", encoded=True), headers=headers) as response:
        return response.status, await response.json()


async def listed(http: ClientSession, query: str, count: int) -> list[dict[str, Any]]:
    """The actors of a list, when that many are in it: they are written a little after they have answered."""

    async def actors() -> list[dict[str, Any]]:
        status, body = await get(http, query)
        assert status == 200, body
        found: list[dict[str, Any]] = body["actors"]
        return found

    return await until(actors, lambda found: len(found) == count)


@pytest.fixture
async def accounts(http: ClientSession, key: str) -> str:
    """What the keys of five accounts with `BALANCES` begin with."""
    for name, amount in BALANCES.items():
        path = URL(f"/v1/actors/account/{encode_key(f'{key}~{name}')}/deposit", encoded=True)
        async with http.post(path, json={"amount": amount}) as response:
            assert response.status == 200
    await listed(http, f"account?key[prefix]={key}~", len(BALANCES))
    return f"{key}~"


async def test_accounts_are_found_by_balance_and_in_its_order(http: ClientSession, accounts: str) -> None:
    found = await listed(http, f"account?key[prefix]={accounts}&balance[gte]=20&sort=-balance", 3)
    assert [(actor["key"], actor["state"], actor["version"]) for actor in found] == [
        (f"{accounts}é/.$", {"balance": 50}, 1),
        (f"{accounts}a", {"balance": 30}, 1),
        (f"{accounts}c", {"balance": 20}, 1),
    ]


async def test_pages_go_on_where_the_last_one_ended(http: ClientSession, accounts: str) -> None:
    query = f"account?key[prefix]={accounts}&sort=balance&fields=balance&limit=2"
    found: list[str] = []
    cursor = ""
    while True:
        status, body = await get(http, query + cursor)
        assert status == 200
        found += [actor["key"].removeprefix(accounts) for actor in body["actors"]]
        if body["next"] is None:
            break
        cursor = f"&cursor={body['next']}"
    assert found == ["b", "d", "c", "a", "é/.$"]


async def test_a_list_comes_to_show_what_a_command_has_changed(http: ClientSession, key: str) -> None:
    for amount in (1, 2):
        async with http.post(f"/v1/actors/account/{key}/deposit", json={"amount": amount}) as response:
            balance = (await response.json())["balance"]
        [actor] = await listed(http, f"account?key={key}&balance={balance}", 1)
        assert actor["version"] == amount


async def test_whatever_was_acknowledged_before_the_age_of_a_list_is_in_it(http: ClientSession, key: str) -> None:
    acknowledged: list[float] = []
    seen = said = 0
    while seen < 30:
        async with http.post(f"/v1/actors/account/{key}/deposit", json={"amount": 1}) as response:
            assert response.status == 200
        acknowledged.append(time.time() + 0.001)
        async with http.get(f"/v1/actors/account?key={key}") as response:
            age = response.headers.get("Natya-As-Of")
            actors = (await response.json())["actors"]
        seen = actors[0]["version"] if actors else 0
        if age is not None:
            said += 1
            as_of = datetime.fromisoformat(age).timestamp()
            assert seen >= sum(when < as_of for when in acknowledged)
        await asyncio.sleep(0.05)
    assert said > 10


async def test_owners_see_their_own_accounts_alone(http: ClientSession, edge: Any, accounts: str) -> None:
    owner = accounts.removesuffix("~")
    for subject, count in ((owner, len(BALANCES)), (f"{owner}x", 0), (f"{owner}~a", None)):
        token = make_dev_token(SECRET, subject, roles=())
        async with ClientSession(edge.url, headers={"Authorization": f"Bearer {token}"}) as mine:
            status, body = await get(mine, f"account?key[prefix]={owner}")
        assert (status, len(body["actors"]) if count is not None else None) == (200 if count is not None else 403, count)


async def test_a_list_while_the_store_is_away_is_503_and_commands_go_on(
    cluster: Cluster, key: str, unused_tcp_port: int
) -> None:
    settings = Settings(_env_file=None, nats=cluster.nats.url, store=f"mongodb://127.0.0.1:{unused_tcp_port}")
    headers = {"Authorization": f"Bearer {make_dev_token(SECRET)}"}
    async with serving(settings, EdgeSettings(_env_file=None, port=0, hs256=True, secret=SECRET)) as edge:
        await eventually(lambda: not edge.gateway.trouble, limit=30)
        async with ClientSession(edge.url, headers=headers) as http:
            status, problem = await get(http, "account")
            assert (status, problem["code"]) == (503, "unavailable")
            async with http.post(f"/v1/actors/account/{key}/deposit", json={"amount": 1}) as response:
                assert response.status == 200
