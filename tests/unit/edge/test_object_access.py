"""Who may do what to whose actor: object-level and function-level authorisation (OWASP API1:2023 and API5:2023).

A table says for everything that the shipped kinds offer who is let in. All that the edge serves is walked: a kind, a method
or a route that is not in the table fails the test. Whoever is refused must not reach the platform at all.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

import natya_actors
from natya.manifest import definitions_in
from natya.memory import MemoryStore
from natya.message import Answer
from natya.names import encode_key
from natya.ports.snapshots import Snapshot
from natya_edge.auth.dev_secret import make_dev_token
from support.edge import SECRET, RecordingPlatform

Client = TestClient[Any, Any]

KINDS: Final = {definition.kind: definition.manifest() for definition in definitions_in(natya_actors)}
STATE: Final = "(state)"


@dataclass(frozen=True)
class Who:
    """Somebody who sends a request about the actor ``alice`` or ``alice~2``."""

    subject: str
    roles: tuple[str, ...] = ()
    scope: str = ""


WHO: Final = {
    "owner": Who("alice"),
    "owner with other scopes": Who("alice", scope="account transfer inbox INTERNAL internal:x"),
    "owner with scope internal": Who("alice", scope="internal"),
    "other": Who("bob"),
    "other with scope internal": Who("bob", scope="internal"),
    "longer": Who("alice2"),
    "shorter": Who("alic"),
    "capitals": Who("ALICE"),
    "lookalike": Who("al\u0131ce"),
    "subject with a separator": Who("alice~2"),
    "wildcard": Who("*"),
    "teller": Who("bob", roles=("teller",)),
    "teller with scope internal": Who("bob", roles=("teller",), scope="internal"),
    "role of another name": Who("bob", roles=("Teller", "tellers", "owner", "admin", "OPERATOR")),
    "operator": Who("dev", roles=("operator",)),
    "operator with scope internal": Who("dev", roles=("operator",), scope="internal"),
}
ANYONE: Final = set(WHO)
OWNER: Final = {name for name in WHO if name.startswith("owner")}
TELLER: Final = {"teller", "teller with scope internal"}
OPERATOR: Final = {"operator", "operator with scope internal"}
INTERNAL: Final = {name for name in WHO if name.endswith("with scope internal")}

ADMITTED: Final = {
    ("account", STATE): OWNER | TELLER | OPERATOR,
    ("account", "balance"): OWNER | TELLER | OPERATOR,
    ("account", "deposit"): OWNER | TELLER | OPERATOR,
    ("account", "withdraw"): OWNER | TELLER | OPERATOR,
    ("greeter", STATE): ANYONE,
    ("greeter", "greet"): ANYONE,
    ("inbox", STATE): OWNER | OPERATOR,
    ("inbox", "deliver"): ANYONE,
    ("inbox", "newest"): OWNER | OPERATOR,
    ("inbox", "received"): OWNER | OPERATOR,
    ("transfer", STATE): OWNER | TELLER | OPERATOR,
    ("transfer", "status"): OWNER | TELLER | OPERATOR,
    ("transfer", "start"): OWNER | TELLER | OPERATOR,
    ("transfer", "proceed"): (OWNER | TELLER | OPERATOR) & INTERNAL,
}
BODIES: Final[dict[tuple[str, str], object]] = {
    ("account", "deposit"): {"amount": 1},
    ("account", "withdraw"): {"amount": 1},
    ("inbox", "deliver"): {"text": "hello"},
    ("transfer", "start"): {"source": "alice", "target": "bob", "amount": 1},
    ("transfer", "proceed"): {"phase": "new"},
}


@pytest.fixture
def platform() -> RecordingPlatform:
    return RecordingPlatform(Answer(b'{"version":1,"state":{}}'), kinds=dict(KINDS))


@pytest.fixture
async def client(server: TestServer) -> AsyncIterator[Client]:
    """Sends no token of its own."""
    async with TestClient(server) as client:
        yield client


def authorization(who: Who) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_dev_token(SECRET, who.subject, roles=who.roles, scope=who.scope)}"}


async def send(client: Client, kind: str, key: str, name: str, body: object = None, **options: Any) -> Any:
    """What one method, or the state, of an actor answers."""
    path = f"/v1/actors/{kind}/{encode_key(key)}" + ("" if name == STATE else f"/{name}")
    url = URL(path, encoded=True)
    if (kind, name) in BODIES:
        return await client.post(url, json=body or BODIES[kind, name], **options)
    return await client.get(url, **options)


def test_everything_that_ships_is_in_the_table() -> None:
    offered = {(kind, name) for kind, found in KINDS.items() for name in (STATE, *found["methods"])}
    assert offered == set(ADMITTED)


async def test_every_route_to_an_actor_is_walked(server: TestServer) -> None:
    routes = {(route.method, _pattern(route.resource)) for route in server.app.router.routes() if route.resource is not None}
    assert {route for route in routes if "{kind}" in route[1]} == {
        ("POST", "/v1/actors/{kind}/{key}/{method}"),
        ("GET", "/v1/actors/{kind}/{key}/{method}"),
        ("HEAD", "/v1/actors/{kind}/{key}/{method}"),
        ("GET", "/v1/actors/{kind}/{key}"),
        ("HEAD", "/v1/actors/{kind}/{key}"),
        ("GET", "/v1/actors/{kind}"),
        ("HEAD", "/v1/actors/{kind}"),
    }


@pytest.mark.parametrize("kind", [kind for kind, manifest in KINDS.items() if not manifest["stateless"]])
async def test_a_list_shows_no_actor_whose_state_the_table_closes(client: Client, store: MemoryStore, kind: str) -> None:
    keys = ["alice", "alice~2", "alice2", "bob", "bob~1", "alic", "dev"]
    await store.snapshots.write(kind, [Snapshot(key, 1, number, 0, 1, b"{}") for number, key in enumerate(keys, 1)])
    for label, who in WHO.items():
        for query in ("", "?key[prefix]=alice", "?key=alice&key=alice~2", "?sort=-key&limit=1000"):
            response = await client.get(f"/v1/actors/{kind}{query}", headers=authorization(who))
            body = await response.json()
            assert response.status in (200, 403), label
            shown = {actor["key"] for actor in body["actors"]} if response.status == 200 else set()
            assert ({"alice", "alice~2"} <= shown) is (label in ADMITTED[kind, STATE]), (label, query)
            if label not in TELLER | OPERATOR:
                assert all(key == who.subject or key.startswith(f"{who.subject}~") for key in shown), (label, query)


def _pattern(resource: web.AbstractResource) -> str:
    return re.sub(r"\{(\w+):[^}]*\}", r"{\1}", resource.canonical)


@pytest.mark.parametrize("key", ["alice", "alice~2"])
@pytest.mark.parametrize(("kind", "name"), ADMITTED)
async def test_only_whom_the_table_admits_reaches_an_actor(
    client: Client, platform: RecordingPlatform, kind: str, name: str, key: str
) -> None:
    for label, who in WHO.items():
        response = await send(client, kind, key, name, headers=authorization(who))
        if label in ADMITTED[kind, name]:
            assert response.status == 200, label
            assert [(call.kind, call.key, call.caller) for call in platform.calls] == [(kind, key, who.subject)], label
        else:
            problem = await response.json()
            assert (response.status, problem["code"], platform.calls) == (403, "forbidden", []), label
            assert 'error="insufficient_scope"' in response.headers["WWW-Authenticate"]
            assert who.subject not in problem["detail"]
        platform.calls.clear()


@pytest.mark.parametrize(("kind", "name"), ADMITTED)
async def test_nobody_without_a_token_reaches_an_actor(
    client: Client, platform: RecordingPlatform, kind: str, name: str
) -> None:
    for headers in ({}, {"Authorization": "Bearer x.y.z"}, {"Authorization": "Basic YWxpY2U6"}, {"Natya-Caller": "alice"}):
        assert (await send(client, kind, "alice", name, headers=headers)).status == 401
    assert platform.calls == []


@pytest.mark.parametrize(("kind", "name"), [each for each, admitted in ADMITTED.items() if admitted != ANYONE])
async def test_a_head_request_is_refused_where_the_get_is(
    client: Client, platform: RecordingPlatform, kind: str, name: str
) -> None:
    path = f"/v1/actors/{kind}/alice" + ("" if name == STATE else f"/{name}")
    if (kind, name) not in BODIES:
        assert (await client.head(path, headers=authorization(WHO["other"]))).status == 403
    assert platform.calls == []


NEAR: Final = [
    "alice2", "alice.x", "alice:x", "alice/x", "alice ", " alice", "alice\0", "alic", "ALICE", "Alice", "alice\u200b", "./alice",
    "x/../alice", "%61lice", "alice%7E2", "bob~alice", "~alice", "alice\u0301", "\u0251lice", "alice\u02dc2", "*alice", "*", ">", "$ne",
]  # fmt: skip
"""Keys that some comparison might take for those of alice."""


@pytest.mark.parametrize("key", NEAR)
async def test_a_key_near_ones_own_is_not_ones_own(client: Client, platform: RecordingPlatform, key: str) -> None:
    for name in ("withdraw", "balance", STATE):
        response = await send(client, "account", key, name, headers=authorization(WHO["owner"]))
        assert (response.status, platform.calls) == (403, []), name


async def test_a_key_is_ones_own_however_its_path_is_spelled(client: Client, platform: RecordingPlatform) -> None:
    for spelled in ("alice%7E2", "%61lice~2", "alice~2"):
        response = await client.get(
            URL(f"/v1/actors/account/{spelled}/balance", encoded=True), headers=authorization(WHO["owner"])
        )
        assert (response.status, platform.calls.pop().key) == (200, "alice~2")


async def test_a_refusal_says_what_would_be_right(client: Client) -> None:
    response = await send(client, "account", "alice", "withdraw", headers=authorization(WHO["other"]))
    problem = await response.json()
    assert problem["detail"] == (
        "account.withdraw is only for the owner of the key (the token's sub must be the key, or what stands in it before a ~) "
        "and the role teller"
    )
    assert (problem["owner"], problem["roles"]) == ("sub", ["teller"])
    response = await send(client, "transfer", "alice", "proceed", headers=authorization(WHO["operator"]))
    assert ((await response.json())["scope"], response.headers["WWW-Authenticate"]) == (
        "internal",
        'Bearer realm="natya", error="insufficient_scope", scope="internal"',
    )


START = {"target": "alice", "amount": 5}


@pytest.mark.parametrize("source", ["bob", "alice2", "ALICE", "", "~", "bob~alice", "alice\u0301"])
async def test_nobody_transfers_from_an_account_of_somebody_else(
    client: Client, platform: RecordingPlatform, source: str
) -> None:
    response = await send(
        client, "transfer", "alice~t1", "start", {**START, "source": source}, headers=authorization(WHO["owner"])
    )
    assert (response.status, (await response.json())["code"], platform.calls) == (403, "forbidden", [])


async def test_a_transfer_is_started_under_a_key_of_ones_own(client: Client, platform: RecordingPlatform) -> None:
    body = {"source": "bob", "target": "alice", "amount": 5}
    response = await send(client, "transfer", "alice~t1", "start", body, headers=authorization(WHO["other"]))
    assert (response.status, platform.calls) == (403, [])
    assert (await send(client, "transfer", "bob~t1", "start", body, headers=authorization(WHO["other"]))).status == 200


async def test_tellers_and_operators_transfer_from_any_account(client: Client, platform: RecordingPlatform) -> None:
    for name in ("teller", "operator"):
        body = {**START, "source": "carol"}
        assert (await send(client, "transfer", "any", "start", body, headers=authorization(WHO[name]))).status == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"{", 400), (b"[]", 400), (b'"alice"', 400), (b"null", 400), (b"\xff", 400), (b'\xef\xbb\xbf{"source":"alice"}', 400),
        (b'{"amount":5}', 400), (b'{"source":null}', 400), (b'{"source":["alice"]}', 400), (b'{"source":{"$gt":""}}', 400),
        (b'{"source":1}', 400), (b'{"source":true}', 400), (b'{"Source":"alice"}', 400), (b'{"source ":"alice"}', 400),
        (b'{"source":"alice","source":"bob"}', 400), (b'{"source":"bob","source":"alice"}', 400),
        (b'{"source":"alice","s\\u006furce":"bob"}', 400), (b'{"source":"alice","amount":NaN}', 400),
        (b'{"source":"alice"}{"source":"bob"}', 400), (b'{"source":"\\ud800"}', 400), (b'{"source":"alice\\u0000"}', 403),
        (b'{"source":"b\\u006fb"}', 403), (b'{"x":{"source":"alice"},"source":"bob"}', 403),
    ],
)  # fmt: skip
async def test_what_is_owned_is_read_as_the_actor_would_read_it(
    client: Client, platform: RecordingPlatform, body: bytes, status: int
) -> None:
    headers = {**authorization(WHO["owner"]), "Content-Type": "application/json"}
    response = await client.post("/v1/actors/transfer/alice/start", data=body, headers=headers)
    assert (response.status, platform.calls) == (status, [])


async def test_a_parameter_that_names_ones_own_may_be_spelled_with_escapes(
    client: Client, platform: RecordingPlatform
) -> None:
    headers = {**authorization(WHO["owner"]), "Content-Type": "application/json"}
    body = b'{"s\\u006furce":"\\u0061lice","target":"bob","amount":1}'
    assert (await client.post("/v1/actors/transfer/alice/start", data=body, headers=headers)).status == 200
    assert orjson.loads(platform.calls[0].body)["source"] == "alice"


async def test_the_refused_learn_nothing_of_the_actor(client: Client, platform: RecordingPlatform) -> None:
    """The answer is the same whatever the platform knows, and whatever else is wrong with the request."""
    answers = []
    for key in ("alice", "nobody-ever-used-this"):
        response = await send(
            client, "account", key, "withdraw", {"amount": "wrong"},
            headers={**authorization(WHO["other"]), "If-Match": '"7"', "Idempotency-Key": "k"},
        )  # fmt: skip
        problem = await response.json()
        del problem["request_id"]
        answers.append((response.status, problem))
    assert answers[0] == answers[1]
    assert platform.calls == []
