"""No event of an actor comes to who may not read that actor."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from natya import StatelessActor, query
from natya.manifest import Definition
from natya_edge.auth.dev_secret import make_dev_token
from natya_edge.settings import EdgeSettings
from support.edge import SECRET, RecordingPlatform
from support.event_source import event_source


class Diary(StatelessActor, owner="sub"):
    """Each is its owner's."""

    @query
    async def get(self) -> None: ...


class Vault(StatelessActor, roles=("guard",)):
    """For guards alone."""

    @query
    async def get(self) -> None: ...


class Board(StatelessActor):
    """For everybody."""

    @query
    async def get(self) -> None: ...


@pytest.fixture
def edge_settings() -> EdgeSettings:
    return EdgeSettings(_env_file=None, hs256=True, secret=SECRET, events_heartbeat=0.05)


@pytest.fixture
def platform() -> RecordingPlatform:
    kinds = [Definition.of(kind) for kind in (Board, Diary, Vault)]
    return RecordingPlatform(kinds={kind.kind: kind.manifest() for kind in kinds})


def session(server: TestServer, subject: str, roles: Iterable[str] = ()) -> ClientSession:
    token = make_dev_token(SECRET, subject, roles=roles)
    return ClientSession(str(server.make_url("/")), headers={"Authorization": f"Bearer {token}"})


async def emit_some(platform: RecordingPlatform) -> int:
    for kind in ("diary", "vault", "board", "removed"):
        for key in ("ada", "bob", "ada~2026", "adam"):
            last = await platform.emit(f"{kind}/{key}", kind=kind, key=key)
    return last


OPEN = ["board/ada", "board/bob", "board/ada~2026", "board/adam"]
VAULT = ["vault/ada", "vault/bob", "vault/ada~2026", "vault/adam"]


@pytest.mark.parametrize(
    ("subject", "roles", "expected"),
    [
        ("ada", (), ["diary/ada", "diary/ada~2026", *OPEN]),
        ("eve", (), OPEN),
        ("eve", ("guard",), [*VAULT, *OPEN]),
        ("dev", ("operator",), ["diary/ada", "diary/bob", "diary/ada~2026", "diary/adam", *VAULT, *OPEN]),
    ],
)
async def test_old_events_and_new_ones_are_those_of_actors_that_one_may_read(
    server: TestServer, platform: RecordingPlatform, subject: str, roles: tuple[str, ...], expected: list[str]
) -> None:
    await emit_some(platform)
    async with session(server, subject, roles) as http, event_source(http, "?from=start") as source:
        assert [message.body for message in await source.take(len(expected))] == expected
        last = await emit_some(platform)
        assert [message.body for message in await source.take(len(expected))] == expected
        await source.until_id(str(last))


async def test_a_rule_that_changes_holds_at_once(server: TestServer, platform: RecordingPlatform) -> None:
    async with session(server, "eve") as http, event_source(http) as source:
        await platform.emit("before", kind="board")
        assert (await source.next()).body == "before"
        platform.kinds["board"] = Definition.of(Vault).manifest()
        last = await platform.emit("after", kind="board")
        await source.until_id(str(last))


@pytest.mark.parametrize(
    "query", ["?kind=vault", "?kind=board&kind=vault", "?kind=diary&key=bob", "?kind=diary&key=ada&key=bob"]
)
async def test_who_asks_for_what_is_closed_is_told(server: TestServer, query: str) -> None:
    async with session(server, "ada") as http, http.get(f"/v1/events{query}") as response:
        assert (response.status, (await response.json())["code"]) == (403, "forbidden")
