"""Requests for tokens: who gets what, and what is said to who gets nothing."""

from __future__ import annotations

import base64

import pytest
from argon2 import Parameters
from multidict import CIMultiDict, CIMultiDictProxy

from natya.memory import ManualClock, MemoryRecords
from natya_edge.oauth.accounts import Grant
from natya_edge.oauth.attempts import BURST, TooManyAttempts
from natya_edge.oauth.errors import (
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    OAuthError,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from natya_edge.oauth.form import TYPE, Form
from natya_edge.oauth.passwords import Passwords
from support.oauth import CHEAP, PASSWORD, Bench, basic, bench, claims_of, form


async def test_a_client_gets_a_token_of_its_own(here: Bench, clock: ManualClock) -> None:
    secret = await here.client(scopes="a b", roles="auditor")
    answer = await here.ask(secret, "client_credentials")
    claims = claims_of(answer)
    del answer["access_token"]
    now = clock.now_ms() // 1000
    assert answer == {"token_type": "Bearer", "expires_in": 600, "scope": "a b"}
    assert {name: claims[name] for name in ("iss", "aud", "sub", "client_id", "iat", "exp", "scope", "roles")} == {
        "iss": "natya",
        "aud": "natya",
        "sub": "client:web",
        "client_id": "web",
        "iat": now,
        "exp": now + 600,
        "scope": "a b",
        "roles": ["auditor"],
    }
    assert len(claims["jti"]) >= 22


async def test_a_user_gets_what_user_and_client_may_both_have(here: Bench, secret: str) -> None:
    await here.user(scopes="b c", roles="teller")
    answer = await here.log_in(secret)
    claims = claims_of(answer)
    assert (claims["sub"], claims["client_id"], claims["scope"], claims["roles"]) == ("ann", "web", "b", ["teller"])
    assert answer["scope"] == "b"
    assert len(answer["refresh_token"]) == 64


async def test_a_user_s_name_and_password_are_compared_in_their_one_spelling(here: Bench, secret: str) -> None:
    await here.admin.add_user("Zo\u00eb", "Stra\u00dfe nach \u00dcberall", [], [])
    answer = await here.log_in(secret, "ZOE\u0308", "Stra\u00dfe nach U\u0308berall")
    assert claims_of(answer)["sub"] == "zo\u00eb"


async def test_a_part_of_the_scopes_may_be_asked_for_and_no_more(here: Bench, secret: str) -> None:
    await here.user()
    assert (await here.ask(secret, "client_credentials", scope="b"))["scope"] == "b"
    assert (await here.log_in(secret, scope="a"))["scope"] == "a"
    for asked in ("c", "a c", "A"):
        with pytest.raises(InvalidScope):
            await here.ask(secret, "client_credentials", scope=asked)
        with pytest.raises(InvalidScope):
            await here.log_in(secret, scope=asked)


@pytest.mark.parametrize("grant", list(Grant))
async def test_a_grant_that_a_client_was_not_given_is_refused(here: Bench, grant: Grant) -> None:
    secret = await here.client(grants=tuple(other for other in Grant if other is not grant))
    with pytest.raises(UnauthorizedClient):
        await here.ask(secret, grant, username="ann", password=PASSWORD, refresh_token="x")


async def test_a_client_without_refreshes_gets_no_refresh_token(here: Bench) -> None:
    secret = await here.client(grants=(Grant.PASSWORD,))
    await here.user()
    assert "refresh_token" not in await here.log_in(secret)


@pytest.mark.parametrize("grant", ["authorization_code", "implicit", "PASSWORD", "x"])
async def test_another_grant_type_is_unsupported(here: Bench, secret: str, grant: str) -> None:
    with pytest.raises(UnsupportedGrantType):
        await here.ask(secret, grant)


@pytest.mark.parametrize("missing", ["grant_type", "username", "password", "refresh_token"])
async def test_a_missing_parameter_is_named_and_an_empty_one_is_missing(here: Bench, secret: str, missing: str) -> None:
    given = {"grant_type": "password", "username": "ann", "password": "x"}
    if missing == "refresh_token":
        given["grant_type"] = missing
    for empty in ({missing: ""}, {}):
        parameters = {name: value for name, value in given.items() if name != missing} | empty
        with pytest.raises(InvalidRequest, match=missing):
            await here.server.token(basic("web", secret), form(**parameters))


async def test_a_client_may_prove_itself_in_the_body(here: Bench, secret: str) -> None:
    headers = CIMultiDictProxy(CIMultiDict({"Content-Type": TYPE}))
    parameters = {"grant_type": "client_credentials", "client_id": "web"}
    assert await here.server.token(headers, form(**parameters, client_secret=secret))
    for wrong in (form(**parameters), form(**parameters, client_secret="x"), form(grant_type="client_credentials")):
        with pytest.raises(InvalidClient):
            await here.server.token(headers, wrong)


async def test_a_client_proves_itself_in_one_way(here: Bench, secret: str) -> None:
    twice = form(grant_type="client_credentials", client_id="web", client_secret=secret)
    with pytest.raises(InvalidRequest):
        await here.server.token(basic("web", secret), twice)
    with pytest.raises(InvalidRequest):
        await here.server.token(basic("web", secret), form(grant_type="client_credentials", client_id="other"))
    assert await here.ask(secret, "client_credentials", client_id="web")
    both = CIMultiDict(basic("web", secret))
    both.add("Authorization", both["Authorization"])
    with pytest.raises(InvalidRequest):
        await here.server.token(CIMultiDictProxy(both), form(grant_type="client_credentials"))


async def test_basic_is_form_decoded(here: Bench) -> None:
    secret = await here.client("my.client")
    encoded = "".join(f"%{byte:02x}" for byte in b"my.client"), "".join(f"%{byte:02X}" for byte in secret.encode())
    proof = base64.b64encode(":".join(encoded).encode()).decode()
    headers = CIMultiDictProxy(CIMultiDict({"Authorization": f"bAsIc  {proof}"}))
    assert await here.server.token(headers, form(grant_type="client_credentials"))


@pytest.mark.parametrize(
    "given", ["", "Basic", "Basic !", "Basic d2Vi", "Bearer x", "Basic JTpi", "Basic /zpi", "Basic OmI=", "Digest x", "é"]
)
async def test_a_proof_that_is_none_is_an_invalid_client_with_a_challenge(here: Bench, given: str) -> None:
    headers = CIMultiDictProxy(CIMultiDict({"Authorization": given}))
    with pytest.raises(InvalidClient) as refused:
        await here.server.token(headers, form(grant_type="client_credentials"))
    assert refused.value.code == 401
    assert refused.value.headers["WWW-Authenticate"].startswith("Basic ")


async def test_nothing_tells_why_a_client_or_a_user_is_refused(here: Bench, secret: str) -> None:
    await here.user()
    await here.user("off")
    admin = here.admin
    await admin.disable(admin.users, "off")
    said = set()
    for name, password in (("ann", "wrong"), ("nobody", PASSWORD), ("off", PASSWORD), ("a b", "x"), ("ann", "x" * 2000)):
        with pytest.raises(InvalidGrant) as refused:
            await here.log_in(secret, name, password)
        said.add(str(refused.value))
    assert len(said) == 1
    await admin.disable(admin.clients, "web")
    said = set()
    for id, proof in (("web", secret), ("web", "wrong"), ("nobody", secret), ("NO", secret)):
        with pytest.raises(InvalidClient) as unproved:
            await here.ask(proof, "client_credentials", id=id)
        said.add(str(unproved.value))
    assert len(said) == 1


async def test_the_same_work_is_done_for_a_user_who_is_not_there(here: Bench, secret: str) -> None:
    await here.user()
    done = []
    for name in ("ann", "nobody"):
        before = here.passwords.statistics.computed
        with pytest.raises(InvalidGrant):
            await here.log_in(secret, name, "wrong")
        done.append(here.passwords.statistics.computed - before)
    assert done == [1, 1]


async def test_after_wrong_passwords_in_a_row_a_user_must_wait_whether_there_or_not(here: Bench, secret: str) -> None:
    await here.user()
    for name in ("ann", "nobody"):
        for _ in range(BURST):
            with pytest.raises(InvalidGrant):
                await here.log_in(secret, name, "wrong")
        with pytest.raises(TooManyAttempts):
            await here.log_in(secret, name)


async def test_a_hash_of_another_cost_is_renewed_when_the_password_is_seen(
    here: Bench, secret: str, records: MemoryRecords, clock: ManualClock
) -> None:
    dearer = Passwords(cost=Parameters(CHEAP.type, 19, 16, 32, time_cost=2, memory_cost=8, parallelism=1))
    old = await here.user()
    async with bench(records, clock, passwords=dearer) as later:
        with pytest.raises(InvalidGrant):
            await later.log_in(secret, password="wrong")
        assert await later.admin.users.get("ann") == old
        answer = await later.log_in(secret)
        new = await later.admin.users.find("ann")
        assert "t=2" in new.hash
        assert new.edition == old.edition
        assert await later.is_good(answer)
        await later.log_in(secret)
        assert await later.admin.users.get("ann") == new


BODIES = [
    (b"grant_type=a&grant_type=a", TYPE),
    (b"a=%zz", TYPE),
    (b"a=%ff", TYPE),
    (b"a=\xff", TYPE),
    (b"&".join(b"p%d=1" % number for number in range(51)), TYPE),
    (b"{}", "application/json"),
    (b"a=b", ""),
    (b"a=b", f"{TYPE}; charset=latin-1"),
]


@pytest.mark.parametrize(("body", "type"), BODIES)
def test_a_body_that_is_no_form_is_an_invalid_request(body: bytes, type: str) -> None:
    with pytest.raises(InvalidRequest):
        Form.read(CIMultiDictProxy(CIMultiDict({"Content-Type": type})), body)


def test_a_form_is_decoded_once_and_a_plus_is_a_space() -> None:
    read = Form.read(
        CIMultiDictProxy(CIMultiDict({"Content-Type": f'{TYPE}; charset="UTF-8"'})), b"scope=a+b%2Bc&x=%2541&unknown=1"
    )
    assert (read.get("scope"), read.get("x"), read.get("none")) == ("a b+c", "%41", None)


def test_a_description_holds_only_what_the_standard_allows() -> None:
    assert OAuthError('é"\\\n~').document() == {"error": "invalid_request", "error_description": "????~"}
