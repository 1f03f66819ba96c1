"""Two edges and a real store: log-ins are good at both, used once, and end at both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, encode_basic_auth

from natya.settings import Settings
from natya_edge.auth.key_folder import KeyFolder
from natya_edge.auth.signing_key import new_key
from natya_edge.main import serving
from natya_edge.settings import EdgeSettings
from natya_ops.accounts import open_administration
from support.cluster import Cluster
from support.oauth import ALL, PASSWORD
from support.waiting import until
from support.world import eventually

EVERY = 0.2


@dataclass
class Edges:
    """Two edges with the same keys on one store; ``secret`` is the client's."""

    http: list[ClientSession]
    settings: Settings
    secret: str

    @property
    def proof(self) -> dict[str, str]:
        return {"Authorization": encode_basic_auth("web", self.secret)}

    async def ask(self, edge: int, **parameters: str) -> tuple[int, Any]:
        async with self.http[edge].post("/oauth/token", data=parameters, headers=self.proof) as response:
            return response.status, await response.json()

    async def log_in(self, edge: int = 0) -> Any:
        status, answer = await self.ask(edge, grant_type="password", username="ann", password=PASSWORD)
        assert status == 200, answer
        return answer

    async def refresh(self, edge: int, token: str) -> tuple[int, Any]:
        return await self.ask(edge, grant_type="refresh_token", refresh_token=token)

    async def revoke(self, edge: int, token: str) -> int:
        async with self.http[edge].post("/oauth/revoke", data={"token": token}, headers=self.proof) as response:
            return response.status

    async def status(self, edge: int, token: str) -> int:
        """Of a request with this access token."""
        headers = {"Authorization": f"Bearer {token}"}
        async with self.http[edge].get("/v1/actors/account/ann/balance", headers=headers) as response:
            return response.status


@pytest.fixture
async def edges(cluster: Cluster, database: str, tmp_path: Path) -> AsyncIterator[Edges]:
    KeyFolder(tmp_path).write(new_key("EdDSA", datetime.now(UTC)))
    settings = Settings(_env_file=None, nats=cluster.nats.url, store=cluster.store.url, database=database)
    edge = EdgeSettings(_env_file=None, port=0, keys=tmp_path, revocations_every=EVERY)
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(open_administration(settings))
        await admin.add_user("ann", PASSWORD, [], ["operator"])
        _, secret = await admin.add_client("web", ALL, [], [])
        http = []
        for _ in range(2):
            running = await stack.enter_async_context(serving(settings, edge))
            http.append(await stack.enter_async_context(ClientSession(running.url)))
            await eventually(lambda running=running: not running.gateway.trouble, limit=30)  # type: ignore[misc]
        yield Edges(http, settings, secret)


async def test_a_log_in_at_one_edge_is_good_and_is_refreshed_at_the_other(edges: Edges) -> None:
    answer = await edges.log_in(0)
    assert await edges.status(1, answer["access_token"]) == 200
    status, second = await edges.refresh(1, answer["refresh_token"])
    assert status == 200
    assert await edges.status(0, second["access_token"]) == 200


async def test_a_token_used_before_ends_the_log_in_at_both_edges(edges: Edges) -> None:
    first = (await edges.log_in(0))["refresh_token"]
    _, second = await edges.refresh(0, first)
    _, third = await edges.refresh(1, second["refresh_token"])
    status, refused = await edges.refresh(1, first)
    assert (status, refused["error"]) == (400, "invalid_grant")
    for edge in (0, 1):
        assert (await edges.refresh(edge, third["refresh_token"]))[0] == 400
        await until(lambda edge=edge: edges.status(edge, third["access_token"]), lambda found: found == 401)  # type: ignore[misc]


async def test_refreshes_at_both_edges_at_the_same_moment_get_one_successor(edges: Edges) -> None:
    for _ in range(5):
        token = (await edges.log_in(0))["refresh_token"]
        answers = await asyncio.gather(*(edges.refresh(edge, token) for edge in (0, 1) * 3))
        assert [status for status, _ in answers] == [200] * 6
        (successor,) = {answer["refresh_token"] for _, answer in answers}
        assert (await edges.refresh(0, successor))[0] == 200


async def test_a_revoked_token_is_refused_by_the_other_edge_within_the_stated_time(edges: Edges) -> None:
    answer = await edges.log_in(0)
    assert await edges.status(1, answer["access_token"]) == 200
    assert await edges.revoke(0, answer["access_token"]) == 200
    assert await edges.status(0, answer["access_token"]) == 401
    await until(lambda: edges.status(1, answer["access_token"]), lambda found: found == 401, limit=EVERY + 2)
    assert (await edges.refresh(1, answer["refresh_token"]))[0] == 200


async def test_a_user_who_is_disabled_is_out_at_both_edges(edges: Edges) -> None:
    answer = await edges.log_in(0)
    async with open_administration(edges.settings) as admin:
        await admin.disable(admin.users, "ann")
    for edge in (0, 1):
        assert (await edges.refresh(edge, answer["refresh_token"]))[0] == 400
        await until(lambda edge=edge: edges.status(edge, answer["access_token"]), lambda found: found == 401)  # type: ignore[misc]
