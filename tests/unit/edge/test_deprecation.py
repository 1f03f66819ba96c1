"""Versions and deprecations of kinds and methods, as clients see them."""

from __future__ import annotations

from typing import Any, Final

import pytest
from aiohttp.test_utils import TestClient

from natya.errors import Reject
from natya.message import Answer
from support.edge import RecordingPlatform

Client = TestClient[Any, Any]

KIND: Final = {
    "Natya-Kind-Version": "2026.11",
    "Deprecation": "@1793491200",  # 2026-11-01
    "Sunset": "Wed, 30 Jun 2027 00:00:00 GMT",
    "Link": '<https://example.com/goods>; rel="deprecation"; type="text/html"',
}


def told(headers: Any) -> dict[str, str]:
    return {name: headers[name] for name in KIND if name in headers}


async def test_a_deprecated_kind_says_so_with_every_answer(client: Client, platform: RecordingPlatform) -> None:
    assert told((await client.get("/v1/actors/goods/a/worth")).headers) == KIND
    assert told((await client.get("/v1/actors/goods")).headers) == KIND
    platform.answer = Answer(b'{"version":7,"state":{}}')
    assert told((await client.get("/v1/actors/goods/a")).headers) == KIND
    known = await client.get("/v1/actors/goods/a", headers={"If-None-Match": '"7"'})
    assert (known.status, told(known.headers)) == (304, KIND)
    platform.answer = Answer.of(Reject("sold_out"))
    refused = await client.get("/v1/actors/goods/a/worth")
    assert (refused.status, told(refused.headers)) == (409, KIND)


async def test_what_a_method_says_takes_the_place_of_what_its_kind_says(client: Client) -> None:
    headers = told((await client.get("/v1/actors/goods/a/cost")).headers)
    assert headers["Deprecation"] == "@1767225600"


async def test_others_say_nothing(client: Client, platform: RecordingPlatform) -> None:
    assert told((await client.get("/v1/actors/account/a/balance")).headers) == {}


@pytest.mark.parametrize("version", ["1\r\nX: y", "é", "\0"])
async def test_a_version_that_no_header_can_say_is_left_out(
    client: Client, platform: RecordingPlatform, version: str
) -> None:
    platform.kinds["account"] = {**platform.kinds["account"], "version": version}
    assert "Natya-Kind-Version" not in (await client.get("/v1/actors/account/a/balance")).headers


async def test_manifests_of_nodes_that_knew_of_no_deprecation_are_read(client: Client, platform: RecordingPlatform) -> None:
    manifest = dict(platform.kinds["account"])
    manifest.pop("deprecated")
    manifest["methods"] = {
        name: {key: value for key, value in method.items() if key != "deprecated"}
        for name, method in manifest["methods"].items()
    }
    platform.kinds["account"] = manifest
    assert (await client.get("/v1/actors/account/a/balance")).status == 200
