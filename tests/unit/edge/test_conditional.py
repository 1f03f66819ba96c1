"""States are sent only to those who do not have them (RFC 9110, 13)."""

from __future__ import annotations

from typing import Any, Final

import pytest
from aiohttp.test_utils import TestClient

from natya.message import Answer
from support.edge import RecordingPlatform

Client = TestClient[Any, Any]

ALICE: Final = "/v1/actors/account/alice"


@pytest.fixture(autouse=True)
def at_seven(platform: RecordingPlatform) -> None:
    platform.answer = Answer(b'{"version":7,"state":{"balance":5}}')


@pytest.mark.parametrize(
    ("known", "tag"),
    [
        ('"7"', '"7"'),
        ('W/"7"', '"7"'),
        ('"6", W/"7"', '"7"'),
        ('"6","7","8"', '"7"'),
        (' , "6" ,, "7" , ', '"7"'),
        ('"a,b", "7"', '"7"'),
        ('"7-gzip"', '"7-gzip"'),
        ('W/"7-deflate", "7"', '"7-deflate"'),
        ("*", '"7"'),
        (" * ", '"7"'),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_known_state_is_not_sent_again(client: Client, method: str, known: str, tag: str) -> None:
    response = await client.request(method, ALICE, headers={"If-None-Match": known})
    assert (response.status, response.headers["ETag"], await response.read()) == (304, tag, b"")
    assert (response.headers["Cache-Control"], response.headers["Vary"]) == (
        "private, no-cache",
        "Authorization, Accept-Encoding",
    )
    assert "Content-Type" not in response.headers


@pytest.mark.parametrize(
    "known", ['"6"', "7", '"77"', '"7', "", '"7-br"', 'w/"7"', '"6" "7"', "'7'", '"*"', "*, *", 'W/"6"']
)
async def test_another_state_or_what_is_no_tag_is_no_condition(client: Client, known: str) -> None:
    response = await client.get(ALICE, headers={"If-None-Match": known})
    assert (response.status, response.headers["ETag"], await response.json()) == (200, '"7"', {"balance": 5})


async def test_several_headers_are_one_list(client: Client) -> None:
    response = await client.get(ALICE, headers=[("If-None-Match", '"5"'), ("If-None-Match", '"7"')])
    assert response.status == 304


async def test_conditions_on_times_are_none_for_states_have_no_time(client: Client) -> None:
    now = "Fri, 27 Nov 2037 22:00:00 GMT"
    response = await client.get(ALICE, headers={"If-Modified-Since": now, "If-Unmodified-Since": now})
    assert (response.status, "Last-Modified" in response.headers) == (200, False)


@pytest.mark.parametrize(
    ("wanted", "status"),
    [('"7"', 200), ('"6", "7"', 200), ("*", 200), ('"7-gzip"', 200), ('"6"', 412), ('W/"7"', 412), ('"6", W/"7"', 412),
     ("7", 400), ('"7', 400), ("", 400)],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_who_insists_on_a_version_gets_that_or_none(client: Client, method: str, wanted: str, status: int) -> None:
    response = await client.request(method, ALICE, headers={"If-Match": wanted})
    assert response.status == status
    if status == 412 and method == "GET":
        assert (await response.json())["code"] == "precondition_failed"


async def test_insisting_goes_before_knowing(client: Client) -> None:
    response = await client.get(ALICE, headers={"If-Match": '"6"', "If-None-Match": '"7"'})
    assert response.status == 412


@pytest.mark.parametrize("fields", ["balance", "balance,balance"])
async def test_fields_of_a_state_are_sent_alone(client: Client, fields: str) -> None:
    response = await client.get(f"{ALICE}?fields={fields}")
    assert (response.status, response.headers["ETag"], await response.json()) == (200, '"7"', {"balance": 5})


@pytest.mark.parametrize("query", ["fields=none", "fields=balance&fields=balance", "x=1", "fields=balance&x=1", "fields"])
async def test_other_parameters_of_a_state_are_refused(client: Client, platform: RecordingPlatform, query: str) -> None:
    response = await client.get(f"{ALICE}?{query}")
    assert (response.status, (await response.json())["code"]) == (400, "invalid")
    assert platform.calls == []


async def test_a_compressed_tag_is_good_for_a_command(client: Client, platform: RecordingPlatform) -> None:
    for tag in ('"7"', '"7-gzip"', '"7-deflate"'):
        assert (await client.post(f"{ALICE}/deposit", headers={"If-Match": tag})).status == 200
    assert [call.options.if_version for call in platform.calls] == [7, 7, 7]
