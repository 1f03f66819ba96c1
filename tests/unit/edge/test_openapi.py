"""The OpenAPI document: valid, complete, unambiguous, and made anew only when something has changed."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel

import natya_actors
from natya import Actor, command, query
from natya.manifest import Definition, definitions_in
from natya_edge.gateway import Gateway
from natya_edge.openapi.document import Documents, describe
from support.edge import DEFINITIONS, RecordingPlatform

Json = dict[str, Any]

SHIPPED = {definition.kind: definition.manifest() for definition in definitions_in(natya_actors)}
ALL = {**SHIPPED, **{kind: definition.manifest() for kind, definition in DEFINITIONS.items()}}


class Twin(BaseModel):
    a: int = 0


TwinOfAnotherModule = type("Twin", (BaseModel,), {"__annotations__": {"b": str}, "__module__": "elsewhere"})


class Pair(BaseModel):
    twin: Twin


class Tree(BaseModel):
    """A model of itself."""

    children: list[Tree] = []
    ref: str = "text that is named as a keyword"


class Twins(Actor[Twin]):
    """Models of one name, and models in models."""

    @command
    async def swap(self, pair: Pair) -> TwinOfAnotherModule: ...  # type: ignore[valid-type]

    @query
    async def tree(self) -> Tree:
        return Tree()


class Pairs(Actor[Twin], kind="pairs"):
    """Another kind with a model of the same name."""

    @command
    async def swap(self, pair: Pair) -> Pair:
        return pair


def operations(document: Json) -> dict[str, Json]:
    """All operations by their ids, which must be unique."""
    found = [operation for path in document["paths"].values() for operation in path.values()]
    by_id = {operation["operationId"]: operation for operation in found}
    assert len(by_id) == len(found)
    return by_id


def resolved(document: Json, node: Json) -> Json:
    while "$ref" in node:
        found: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def of(*kinds: type[Actor[Any]]) -> Json:
    return describe({definition.kind: definition.manifest() for definition in map(Definition.of, kinds)})


@pytest.mark.parametrize("manifests", [{}, SHIPPED, ALL], ids=["nothing", "shipped", "every type"])
def test_an_independent_validator_finds_nothing_wrong(manifests: Json) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(describe(manifests)).iter_errors()] == []


def test_every_method_and_state_has_its_operation() -> None:
    found = operations(describe(ALL))
    for kind, manifest in ALL.items():
        wanted = {f"{kind}.{method}" for method in manifest["methods"]} | (
            {f"{kind}.state"} - {"greeter.state", "plain.state"}
        )
        assert {id for id in found if id.startswith(f"{kind}.")} == wanted


def test_a_command_says_all_there_is_to_know() -> None:
    document = describe(ALL)
    command = document["paths"]["/v1/actors/account/{key}/withdraw"]["post"]
    assert (command["operationId"], command["tags"], command["security"]) == (
        "account.withdraw",
        ["account"],
        [{"bearer": []}, {"oauth": []}],
    )
    assert command["summary"].startswith("Take from the balance")
    names = [resolved(document, parameter)["name"] for parameter in command["parameters"]]
    assert names == ["key", "Idempotency-Key", "If-Match", "Prefer"]
    body = command["requestBody"]
    assert (body["required"], body["content"]["application/json"]["example"]) == (True, {"amount": 5})
    assert list(command["responses"]) == [
        "200",
        "202",
        "400",
        "401",
        "403",
        "404",
        "408",
        "409",
        "412",
        "413",
        "415",
        "422",
        "429",
        "500",
        "503",
        "504",
    ]
    assert command["responses"]["200"]["content"]["application/json"]["example"] == {"balance": 5}
    assert "Retry-After" in resolved(document, command["responses"]["503"])["headers"]


def test_a_scope_that_a_method_needs_is_in_its_security() -> None:
    operation = operations(describe(ALL))["transfer.proceed"]
    assert operation["security"] == [{"bearer": ["internal"]}, {"oauth": ["internal"]}]
    assert "`internal`" in operation["description"]


def test_where_to_get_a_token_is_said_and_which_scopes_there_are() -> None:
    flows = describe(ALL)["components"]["securitySchemes"]["oauth"]["flows"]
    assert set(flows) == {"clientCredentials", "password"}
    for flow in flows.values():
        assert (flow["tokenUrl"], set(flow["scopes"])) == ("/oauth/token", {"internal", "types:write"})


def test_parameters_of_a_query_are_described_as_the_query_string_takes_them() -> None:
    document = describe(ALL)
    given = {each["name"]: each for each in operations(document)["types.typed"]["parameters"] if "name" in each}
    assert given["whole"]["schema"] == {"type": "integer", "format": "int64", "exclusiveMinimum": 0, "default": 1}
    assert (given["maybe"]["schema"], given["maybe"]["description"]) == (
        {"type": "integer", "format": "int64"},
        "Empty for null.",
    )
    assert given["numbers"]["schema"]["type"] == "array"
    assert given["point"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/types.Point"}
    assert "schema" not in given["point"]
    assert given["color"]["schema"]["$ref"] == "#/components/schemas/types.Color"


def test_examples_fit_their_schemas() -> None:
    document = describe({**ALL, "twins": Definition.of(Twins).manifest()})
    shown = [
        content
        for operation in operations(document).values()
        for part in (
            operation.get("requestBody", {}),
            *(resolved(document, each) for each in operation["responses"].values()),
        )
        for content in part.get("content", {}).values()
    ]
    pairs = [(content["schema"], content["example"]) for content in shown if "example" in content]
    pairs += [(content["schema"], each["value"]) for content in shown for each in content.get("examples", {}).values()]
    assert len(pairs) > 50
    for schema, example in pairs:
        validator = OAS31Validator({**schema, "components": document["components"]})
        assert [error.message for error in validator.iter_errors(example)] == []


def test_models_of_one_name_stay_apart_between_kinds() -> None:
    schemas = of(Pairs, Twins)["components"]["schemas"]
    assert schemas["pairs.Pair"]["properties"]["twin"] == {"$ref": "#/components/schemas/pairs.Twin"}
    assert set(schemas["pairs.Twin"]["properties"]) == {"a"}


def test_models_of_one_name_stay_apart_within_a_kind() -> None:
    document = of(Twins)
    schemas = document["components"]["schemas"]
    assert "twins.Twin" not in schemas
    assert (
        set(schemas["twins.state.Twin"]["properties"]) == set(schemas["twins.swap.parameters.Twin"]["properties"]) == {"a"}
    )
    assert set(schemas["twins.swap.result.Twin"]["properties"]) == {"b"}
    assert schemas["twins.Pair"]["properties"]["twin"] == {"$ref": "#/components/schemas/twins.swap.parameters.Twin"}


def test_a_model_of_itself_refers_to_its_component() -> None:
    tree = of(Twins)["components"]["schemas"]["twins.Tree"]
    assert tree["properties"]["children"]["items"] == {"$ref": "#/components/schemas/twins.Tree"}
    assert tree["properties"]["ref"]["type"] == "string"


def test_the_document_is_made_anew_only_when_a_digest_changes() -> None:
    documents = Documents()
    first = documents.of(SHIPPED)
    assert documents.of(dict(SHIPPED)) is first
    changed = {**SHIPPED, "account": {**SHIPPED["account"], "doc": "Changed.", "digest": "another"}}
    second = documents.of(changed)
    assert (second.tag != first.tag, b"Changed." in second.body) == (True, True)
    assert b"/v1/actors/account/" not in documents.of({"inbox": SHIPPED["inbox"]}).body


@pytest.fixture
async def nobody(server: TestServer) -> Any:
    """A client without a token."""
    async with TestClient(server) as client:
        yield client


async def test_it_is_served_without_a_token_and_with_an_entity_tag(nobody: TestClient[Any, Any]) -> None:
    async with nobody.get("/openapi.json") as response:
        assert (response.status, response.content_type) == (200, "application/json")
        assert (await response.json())["openapi"] == "3.1.0"
        tag = response.headers["ETag"]
    for known, status in ((tag, 304), (f'W/{tag}, "x"', 304), ('"x"', 200)):
        async with nobody.get("/openapi.json", headers={"If-None-Match": known}) as response:
            assert (response.status, response.headers["ETag"]) == (status, tag)


async def test_what_if_match_does_to_a_state_and_to_the_document_is_described(nobody: TestClient[Any, Any]) -> None:
    found = operations(describe(ALL))
    for operation in (found["account.state"], found["openapi"]):
        assert {"400", "412"} <= set(operation["responses"])
    assert (await nobody.get("/openapi.json", headers={"If-Match": '"x"'})).status == 412


async def test_every_route_of_the_edge_is_described(server: TestServer, nobody: TestClient[Any, Any]) -> None:
    async with nobody.get("/openapi.json") as response:
        paths = set((await response.json())["paths"])
    general = {
        "/v1/actors/{kind}": "/v1/actors/account",
        "/v1/actors/{kind}/{key}": "/v1/actors/account/{key}",
        "/v1/actors/{kind}/{key}/{method}": "/v1/actors/account/{key}/deposit",
    }
    routes = {resource.canonical for resource in server.app.router.resources()}
    assert {general.get(route, route) for route in routes if not route.startswith("/docs")} <= paths


async def test_it_is_served_while_nats_is_away_but_not_before_it_was_there(
    nobody: TestClient[Any, Any], platform: RecordingPlatform, gateway: Gateway
) -> None:
    platform.connected = False
    async with nobody.get("/openapi.json") as response:
        assert response.status == 200
    gateway.detach("cannot reach NATS")
    async with nobody.get("/openapi.json") as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "1")


class Vault(Actor[Twin], owner="sub", roles=("auditor",)):
    """Someone's own."""

    @command(scope="vault:write", owner="sub", owned=("target",))
    async def move(self, target: str) -> None: ...


def test_whom_an_operation_is_open_to_is_said() -> None:
    found = operations(of(Vault))
    owner = "the owner of the key (the token's `sub` is the key, or what stands in it before a `~`)"
    assert f"Open to {owner} and the role `auditor` and the role `operator`." in found["vault.state"]["description"]
    move = found["vault.move"]
    assert move["security"] == [{"bearer": ["vault:write"]}, {"oauth": ["vault:write"]}]
    assert move["description"] == (
        f"Needs a token with the scope `vault:write`. Open to {owner} and the role `operator`. The owner must own `target`, too."
    )
