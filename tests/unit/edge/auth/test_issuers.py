"""Several issuers: whose subjects, scopes and roles are whose, and settings that would mix them up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from natya.errors import ConfigurationError
from natya.memory.clock import ManualClock
from natya_edge.auth.issuers import Issuers
from natya_edge.auth.keyring import Keyring
from natya_edge.auth.tokens import Tokens
from natya_edge.errors import BadToken
from natya_edge.settings import EdgeSettings
from support.edge import NOW_MS, SECRET
from support.forging import EDDSA, RSA_JWK, RSA_KID, claims, eddsa, forged, header, rs256
from support.jwks_server import JwksServer

URL = "https://issuer.example"
EXTERNAL: dict[str, Any] = {
    "issuer": URL,
    "jwks": f"{URL}/jwks",
    "algorithms": ["RS256"],
    "subject_prefix": "example:",
}


def settings(*issuers: dict[str, Any], **more: Any) -> EdgeSettings:
    return EdgeSettings(_env_file=None, issuers=issuers, **more)


@pytest.fixture
async def server() -> AsyncIterator[JwksServer]:
    async with JwksServer(RSA_JWK).running() as server:
        yield server


async def verify(server: JwksServer, external: dict[str, Any], **changes: Any) -> Any:
    clock = ManualClock(start_ms=NOW_MS)
    issuers = Issuers(settings({**EXTERNAL, "jwks": server.url, **external}, keys=Path()), Keyring([EDDSA], clock), clock)
    async with issuers.running():
        token = forged(claims(iss=URL, **changes), header(alg="RS256", kid=RSA_KID, typ="JWT"), rs256)
        return await Tokens(issuers.all, clock).verify(token)


async def test_the_subject_of_another_issuer_carries_its_prefix_everywhere(server: JwksServer) -> None:
    found = await verify(server, {"types": ["JWT"]}, sub="ada", email="a@b.c")
    assert found.subject == found.claims["sub"] == "example:ada"
    assert found.claims["email"] == "a@b.c"
    assert found.issuer == URL


async def test_scopes_and_roles_are_read_where_the_issuer_has_them(server: JwksServer) -> None:
    given = {"scp": ["a:read", "b:write"], "realm_access": {"roles": ["admins", "staff", "operator"]}}
    where = {"types": ["JWT"], "scope_claim": "scp", "roles_claim": "realm_access.roles", "roles": {"admins": "operator"}}
    found = await verify(server, where, **given)
    assert found.scopes == {"a:read", "b:write"}
    assert found.roles == {"operator"}
    named = await verify(
        server,
        {"types": ["JWT"], "roles_claim": "https://a.example/roles", "roles": {"x": "y"}},
        **{"https://a.example/roles": ["x"]},
    )
    assert named.roles == {"y"}


async def test_no_role_of_another_issuer_comes_through_by_itself(server: JwksServer) -> None:
    assert (await verify(server, {"types": ["JWT"]}, roles=["operator"])).roles == frozenset()


async def test_types_and_audience_are_those_that_were_agreed(server: JwksServer) -> None:
    with pytest.raises(BadToken, match=r"typ must be at\+jwt"):
        await verify(server, {})
    with pytest.raises(BadToken, match="not for us"):
        await verify(server, {"types": ["JWT"], "audience": "actors"})
    assert await verify(server, {"types": ["JWT"], "audience": "actors"}, aud=["actors", "account"])


async def test_we_cannot_speak_of_the_subjects_of_another_issuer() -> None:
    clock = ManualClock(start_ms=NOW_MS)
    issuers = Issuers(settings(EXTERNAL, keys=Path()), Keyring([EDDSA], clock), clock)
    with pytest.raises(BadToken, match="only another issuer"):
        await Tokens(issuers.all, clock).verify(forged(claims(sub="example:ada"), header(), eddsa))


OTHER = {**EXTERNAL, "issuer": "https://other.example", "subject_prefix": "other:"}
MIXED: dict[str, tuple[EdgeSettings, str]] = {
    "nobody": (settings(), "needs keys for its tokens"),
    "a secret that was not asked for": (settings(hs256=False, secret=SECRET), "NATYA_EDGE_HS256=true as well"),
    "a secret that is not there": (settings(hs256=True), "NATYA_EDGE_SECRET_FILE or NATYA_EDGE_SECRET"),
    "two of one name": (settings(EXTERNAL, {**OTHER, "issuer": URL}), "the same name"),
    "one that is called like us": (settings({**EXTERNAL, "issuer": "natya"}, keys=Path()), "the same name"),
    "one that is called like development": (
        settings({**EXTERNAL, "issuer": "natya-dev"}, hs256=True, secret=SECRET),
        "same name",
    ),
    "two of one prefix": (settings(EXTERNAL, {**OTHER, "subject_prefix": "example:"}), "begins like another"),
    "a prefix of a prefix": (settings(EXTERNAL, {**OTHER, "subject_prefix": "example:b:"}), "begins like another"),
    "no prefix beside us": (settings({**EXTERNAL, "subject_prefix": ""}, keys=Path()), "begins like another"),
}


@pytest.mark.parametrize(("edge", "message"), MIXED.values(), ids=MIXED.keys())
def test_issuers_that_could_be_mixed_up_are_refused(edge: EdgeSettings, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as refused:
        Issuers(edge, Keyring())
    assert SECRET not in str(refused.value)


def test_one_issuer_alone_needs_no_prefix_and_two_need_one_between_them() -> None:
    bare = {**EXTERNAL, "subject_prefix": ""}
    assert [each.prefix for each in Issuers(settings(bare), Keyring()).all] == [""]
    first, second = Issuers(settings(bare, OTHER), Keyring()).all
    assert (first.foreign, second.foreign) == (("other:",), ())


@pytest.mark.parametrize(
    "wrong",
    [
        {"jwks": "http://issuer.example/jwks"},
        {"jwks": "http://127.0.0.1.example/jwks"},
        {"jwks": "file:///etc/passwd"},
        {"jwks": "https://"},
        {"jwks": "https://user:password@issuer.example/jwks"},
        {"algorithms": ["HS256"]},
        {"algorithms": ["none"]},
        {"algorithms": []},
        {"issuer": ""},
        {"more": 1},
        {"subject_prefix": "x" * 65},
    ],
)
def test_a_wrong_issuer_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings({**EXTERNAL, **wrong})


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_keys_of_this_machine_may_come_without_tls(host: str) -> None:
    assert settings({**EXTERNAL, "jwks": f"http://{host}:1/jwks"}).issuers[0].jwks == f"http://{host}:1/jwks"


def test_issuers_come_from_the_environment_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "NATYA_EDGE_ISSUERS",
        f'[{{"issuer": "{URL}", "jwks": "{URL}/keys", "algorithms": ["RS256", "ES256"], "subject_prefix": "example:"}}]',
    )
    [issuer] = EdgeSettings(_env_file=None).issuers
    assert (issuer.issuer, issuer.algorithms, issuer.types) == (URL, ("RS256", "ES256"), ("at+jwt",))
