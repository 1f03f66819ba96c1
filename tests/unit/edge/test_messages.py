"""Commands that are accepted to be run later, and what may be asked about them."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from hypothesis import given
from hypothesis import strategies as st

from natya.errors import Reject, Unavailable
from natya.message import Answer, digest_of
from natya.outcome import Outcome, Stand
from natya.ref import Options
from natya_edge import tickets
from natya_edge.auth.dev_secret import DEV_ISSUER, make_dev_token
from natya_edge.auth.principal import Principal
from natya_edge.tickets import Ticket
from support.edge import SECRET, RecordingPlatform

Client = TestClient[Any, Any]

DEPOSIT = "/v1/actors/account/alice/deposit"
CAROLS = "/v1/actors/account/carol/deposit"
LATER = {"Prefer": "respond-async"}
KEYED = {**LATER, "Idempotency-Key": "k1"}
BODY = b'{"amount":5}'
DIGEST = digest_of("deposit", BODY)
DONE = Outcome(Stand.DONE, DIGEST, answer=Answer(b'{"balance":5}'))
PENDING = Outcome(Stand.PENDING, DIGEST)


def authorization(subject: str = "ada", *roles: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_dev_token(SECRET, subject, roles=roles)}"}


async def post(client: Client, path: str = DEPOSIT, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post(path, data=BODY, headers={"Content-Type": "application/json", **named})


async def test_a_command_is_stored_for_its_verified_caller_before_the_202_leaves(
    client: Client, platform: RecordingPlatform
) -> None:
    response = await post(client, **LATER, If_Match='"7"')
    assert response.status == 202
    assert response.headers["Preference-Applied"] == "respond-async"
    assert response.headers["Retry-After"] == "1"
    document = await response.json()
    assert response.headers["Location"] == f"/v1/messages/{document['id']}"
    assert document == {"id": document["id"], "kind": "account", "key": "alice", "status": "pending"}
    [stored] = platform.stored
    assert (stored.kind, stored.key, stored.method, stored.body) == ("account", "alice", "deposit", BODY)
    assert (stored.caller, stored.options.if_version, stored.options.keep) == ("ada", 7, 86_400)
    assert not platform.calls
    assert not platform.asked


async def test_without_an_idempotency_key_each_is_a_message_of_its_own_and_with_one_it_is_one(
    client: Client, platform: RecordingPlatform
) -> None:
    ids = [(await post(client, **headers)).headers["Location"] for headers in (LATER, LATER, KEYED, KEYED)]
    assert ids[2] == ids[3]
    assert len(set(ids)) == 3
    assert platform.stored[2].options.id == platform.stored[3].options.id


async def test_a_command_is_one_message_whether_its_sender_waits_for_it_or_not(
    client: Client, platform: RecordingPlatform
) -> None:
    await post(client, **KEYED)
    await post(client, Idempotency_Key="k1")
    assert platform.stored[0].options.id == platform.calls[0].options.id
    assert platform.calls[0].exclusive


@pytest.mark.parametrize("found", [PENDING, DONE, Outcome(Stand.PENDING)], ids=lambda found: str(found.stand))
async def test_a_message_that_is_known_is_not_stored_again(
    client: Client, platform: RecordingPlatform, found: Outcome
) -> None:
    platform.found = found
    assert (await post(client, **KEYED)).status == 202
    assert platform.stored == []


async def test_a_key_that_stands_for_another_body_is_422_at_once(client: Client, platform: RecordingPlatform) -> None:
    platform.found = Outcome(Stand.PENDING, digest_of("deposit", b'{"amount":6}'))
    response = await post(client, **KEYED)
    assert (response.status, (await response.json())["code"]) == (422, "id_reused")
    assert platform.stored == []


async def test_while_nobody_owns_the_actor_commands_are_accepted_all_the_same(
    client: Client, platform: RecordingPlatform
) -> None:
    platform.found = Unavailable("nobody owns the actor's partition now")
    for headers in (LATER, KEYED, {**LATER, "Prefer": "respond-async, wait=5"}):
        assert (await post(client, **headers)).status == 202
    assert len(platform.stored) == 3


async def test_a_command_that_is_done_in_the_time_its_sender_waits_is_answered_as_any_other(
    client: Client, platform: RecordingPlatform
) -> None:
    platform.found = DONE
    response = await post(client, Prefer="respond-async, wait=5", If_Match='"7"')
    assert (response.status, await response.read(), response.headers["ETag"]) == (200, b'{"balance":5}', '"8"')
    assert "Location" not in response.headers
    [(*_, id, wait)] = platform.asked
    assert (id, wait) == (platform.stored[0].options.id, 5)
    platform.found = Outcome(Stand.DONE, DIGEST, answer=Answer.of(Reject("insufficient_funds", "no")))
    response = await post(client, Prefer="respond-async, wait=5")
    assert (response.status, (await response.json())["code"]) == (409, "insufficient_funds")
    platform.found = PENDING
    assert (await post(client, Prefer="respond-async, wait=5")).status == 202


@pytest.mark.parametrize(
    ("prefer", "wait"),
    [
        ("wait=5, respond-async", 5), ("RESPOND-ASYNC; x=y, Wait=7", 7), ("respond-async, wait=999", 60), ("respond-async", None),
        ("respond-async, wait=0", None), ("respond-async,wait=3,wait=9", 3), ("foo, respond-async, bar=baz", None),
    ],
)  # fmt: skip
async def test_preferences_are_read_as_their_rfc_has_them(
    client: Client, platform: RecordingPlatform, prefer: str, wait: int | None
) -> None:
    platform.found = PENDING
    assert (await post(client, Prefer=prefer)).status == 202
    assert [asked[3] for asked in platform.asked] == ([] if wait is None else [wait])


@pytest.mark.parametrize("prefer", ["respond-asynchronously", "respond-async=x", "wait=5", "handling=lenient", ""])
async def test_what_is_no_wish_to_be_answered_later_is_none(
    client: Client, platform: RecordingPlatform, prefer: str
) -> None:
    assert (await post(client, Prefer=prefer)).status == 200
    assert platform.stored == []


async def test_a_query_is_never_answered_later(client: Client, platform: RecordingPlatform) -> None:
    assert (await client.get("/v1/actors/account/alice/balance", headers=LATER)).status == 200


async def accepted(client: Client, **headers: str) -> str:
    return str((await post(client, **LATER, **headers)).headers["Location"])


async def test_a_message_is_pending_done_or_failed(client: Client, platform: RecordingPlatform) -> None:
    path = await accepted(client)
    id = path.rpartition("/")[2]
    known = {"id": id, "kind": "account", "key": "alice"}
    rejected = Answer.of(Reject("insufficient_funds", "no", balance=3))
    for found, said in (
        (PENDING, {"status": "pending"}),
        (Outcome(Stand.PENDING, DIGEST, failures=2), {"status": "pending", "failures": 2}),
        (DONE, {"status": "done", "result": {"balance": 5}}),
        (Outcome(Stand.DONE, DIGEST, answer=rejected), {"status": "failed", "problem": Reject("insufficient_funds", "no", balance=3).problem()}),
    ):  # fmt: skip
        platform.found = found
        response = await client.get(path)
        assert (response.status, await response.json()) == (200, {**known, **said})
        assert response.headers["Cache-Control"] == "no-store"
        assert ("Retry-After" in response.headers) == (said["status"] == "pending")
    assert {asked[:3] for asked in platform.asked} == {("account", "alice", platform.stored[0].options.id)}


async def test_of_a_message_whose_key_stood_for_another_one_nothing_but_that_is_told(
    client: Client, platform: RecordingPlatform
) -> None:
    path = await accepted(client, Idempotency_Key="k1")
    other = digest_of("deposit", b'{"amount":6}')
    for platform.found in (
        Outcome(Stand.DONE, other, answer=Answer(b'{"balance":6}')),
        Outcome(Stand.PENDING, other, failures=3),
    ):
        document = await (await client.get(path)).json()
        assert (document["status"], document["problem"]["code"]) == ("failed", "id_reused")
        assert "result" not in document
        assert "failures" not in document


async def test_who_prefers_to_wait_for_the_end_may(client: Client, platform: RecordingPlatform) -> None:
    path = await accepted(client)
    platform.found = DONE
    for prefer, wait in (("wait=10", 10), ("wait=999", 60), ("", 0)):
        await client.get(path, headers={"Prefer": prefer})
        assert platform.asked[-1][3] == wait


async def test_an_unknown_message_is_404_and_one_that_cannot_be_looked_for_is_503(
    client: Client, platform: RecordingPlatform
) -> None:
    path = await accepted(client)
    response = await client.get(path)
    assert (response.status, (await response.json())["code"]) == (404, "unknown_message")
    platform.found = Unavailable("the store is away", retry_after=1)
    assert (await client.get(path)).status == 503


async def test_only_its_sender_and_operators_see_a_message(client: Client, platform: RecordingPlatform) -> None:
    own = authorization("carol")
    path = str((await post(client, CAROLS, **LATER, **own)).headers["Location"])
    platform.found = DONE
    for headers, status in ((own, 200), (authorization("bob"), 404), (authorization("bob", "operator"), 200)):
        response = await client.get(path, headers=headers)
        assert response.status == status
    strangers = await (await client.get(path, headers=authorization("bob"))).json()
    platform.found = Outcome(Stand.UNKNOWN)
    nothing = await (await client.get(path, headers=own)).json()
    assert strangers["detail"] == nothing["detail"], "a stranger does not learn whether there is such a message"


async def test_an_id_that_names_somebody_elses_message_finds_nothing(client: Client, platform: RecordingPlatform) -> None:
    """Bob knows all that is in carol's id but cannot make one that is his and leads to hers."""
    path = str((await post(client, CAROLS, **LATER, **authorization("carol"))).headers["Location"])
    theirs = tickets.read(path.rpartition("/")[2])
    assert theirs is not None
    bob = Principal("bob", issuer=DEV_ISSUER)
    forged = Ticket(tickets.sender_of(bob), theirs.seed, theirs.digest, theirs.kind, theirs.key)
    await client.get(forged.path, headers=authorization("bob"))
    assert platform.asked[-1][2] != platform.stored[0].options.id


def test_subjects_of_two_issuers_are_two_senders() -> None:
    ids = {tickets.message_id(Principal(subject, issuer=issuer), "k1") for subject in ("a", "b") for issuer in ("x", "y")}
    assert len(ids) == 4


def test_a_key_never_meets_a_message_without_one() -> None:
    ada = Principal("ada", issuer="natya")
    unkeyed = tickets.issue(ada, "account", "alice", DIGEST, unique="r-1")
    assert tickets.message_id(ada, "r-1") != unkeyed.id
    assert tickets.message_id(ada, "request r-1") != unkeyed.id


@given(
    st.text(min_size=1, max_size=50).filter(lambda key: key.isprintable()), st.from_regex(r"[a-z][a-z0-9_]*", fullmatch=True)
)
def test_an_id_is_read_as_it_was_written(key: str, kind: str) -> None:
    ticket = tickets.issue(Principal("ada"), kind, key, DIGEST, unique="r-1")
    assert tickets.read(ticket.text) == ticket
    assert all(each.isalnum() or each in "-_" for each in ticket.text)


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200).map(lambda raw: urlsafe_b64encode(raw).decode())))
def test_whatever_else_is_given_as_an_id_is_none_or_the_one_spelling_of_one(text: str) -> None:
    found = tickets.read(text)
    assert found is None or found.text == text


@pytest.mark.parametrize(
    ("kind", "key"), [("..", "x"), ("$SYS", "x"), ("account.*", "x"), (">", "x"), ("account", "x" * 201)]
)
async def test_an_id_of_what_cannot_be_an_actor_is_none(
    client: Client, platform: RecordingPlatform, kind: str, key: str
) -> None:
    ticket = tickets.issue(Principal("ada", issuer=DEV_ISSUER), kind, key, DIGEST, unique="r-1")
    response = await client.get(ticket.path, headers=authorization())
    assert (response.status, (await response.json())["code"]) == (404, "unknown_message")
    assert platform.asked == []


@pytest.mark.parametrize("id", ["", "x", "..", "%2E%2E", "%00", "A" * 3_000, "AQ==", "é", "%ZZ"])
async def test_an_id_that_is_none_is_404_or_400(client: Client, platform: RecordingPlatform, id: str) -> None:
    response = await client.get(f"/v1/messages/{id}")
    assert response.status in (400, 404)
    assert platform.asked == []


async def test_a_message_takes_no_parameters_and_no_other_methods(client: Client) -> None:
    path = await accepted(client)
    assert (await client.get(f"{path}?wait=5")).status == 400
    assert (await client.post(path)).status == 405
    assert (await client.delete(path)).status == 405


async def test_where_the_outcome_can_be_learnt_is_said_where_an_answer_leaves_it_open(
    client: Client, platform: RecordingPlatform
) -> None:
    location = await accepted(client, Idempotency_Key="k1")
    for code, slug in ((504, "deadline"), (504, "outcome_unknown"), (409, "id_in_flight")):
        platform.answer = Answer(b"{}", code, slug, 1.0)
        response = await post(client, Idempotency_Key="k1")
        assert (response.status, response.headers.get("Link")) == (code, f'<{location}>; rel="status"')
    for code, slug in ((409, "insufficient_funds"), (0, "")):
        platform.answer = Answer(b"{}", code, slug)
        assert "Link" not in (await post(client, Idempotency_Key="k1")).headers
    platform.answer = Answer(b"{}", 504, "deadline")
    assert "Link" not in (await post(client)).headers, "nobody remembers a command without a key"


async def test_options_of_a_command_that_nobody_names_are_those_of_before(
    client: Client, platform: RecordingPlatform
) -> None:
    await post(client)
    assert platform.calls[0].options == Options(timeout=30.0)
    assert not platform.calls[0].exclusive
