"""An authorisation server in memory, with real keys, and cheap hashes of passwords."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote_plus, urlencode

import jwt
from argon2 import Parameters, Type
from multidict import CIMultiDict, CIMultiDictProxy

from natya.clock import Clock
from natya.memory import MemoryRecords
from natya.ports.records import Record, Records
from natya.ports.store import StoreUnavailable
from natya_edge.auth.issuer import OUR_ALGORITHMS, Issuer
from natya_edge.auth.keyring import Keyring
from natya_edge.auth.signing_key import new_key
from natya_edge.auth.tokens import Tokens
from natya_edge.errors import BadToken
from natya_edge.oauth.accounts import Grant, User
from natya_edge.oauth.administration import Administration
from natya_edge.oauth.assembly import make_server
from natya_edge.oauth.form import TYPE, Form
from natya_edge.oauth.passwords import Passwords
from natya_edge.oauth.revocations import Revocations
from natya_edge.oauth.server import AuthorizationServer
from natya_edge.settings import EdgeSettings

T = TypeVar("T")

CHEAP: Final = Parameters(type=Type.ID, version=19, salt_len=16, hash_len=32, time_cost=1, memory_cost=8, parallelism=1)
PASSWORD: Final = "correct horse battery"
ALL: Final = tuple(Grant)


@dataclass(frozen=True)
class Bench:
    """One edge's authorisation server, and the administration of its accounts."""

    server: AuthorizationServer
    revocations: Revocations
    tokens: Tokens
    keyring: Keyring
    admin: Administration
    passwords: Passwords

    async def client(self, id: str = "web", grants: tuple[Grant, ...] = ALL, scopes: str = "a b", roles: str = "") -> str:
        """A client; its secret."""
        _, secret = await self.admin.add_client(id, grants, scopes.split(), roles.split())
        return secret

    async def user(self, name: str = "ann", scopes: str = "a b c", roles: str = "") -> User:
        return await self.admin.add_user(name, PASSWORD, scopes.split(), roles.split())

    async def ask(self, secret: str, grant: str, id: str = "web", **parameters: str) -> dict[str, Any]:
        """The answer to a request for tokens. Raises `OAuthError`."""
        return await self.server.token(basic(id, secret), form(grant_type=grant, **parameters))

    async def log_in(self, secret: str, name: str = "ann", password: str = PASSWORD, **parameters: str) -> dict[str, Any]:
        return await self.ask(secret, "password", username=name, password=password, **parameters)

    async def refresh(self, secret: str, token: str, **parameters: str) -> dict[str, Any]:
        return await self.ask(secret, "refresh_token", refresh_token=token, **parameters)

    async def revoke(self, secret: str, token: str, id: str = "web") -> None:
        await self.server.revoke(basic(id, secret), form(token=token))

    async def is_good(self, answer: dict[str, Any]) -> bool:
        """Whether this edge believes the access token of an answer."""
        try:
            await self.tokens.verify(answer["access_token"])
        except BadToken:
            return False
        return True


def claims_of(answer: dict[str, Any]) -> dict[str, Any]:
    """What the access token of an answer says."""
    claims: dict[str, Any] = jwt.decode(answer["access_token"], options={"verify_signature": False})
    return claims


@asynccontextmanager
async def bench(
    records: Records,
    clock: Clock,
    *,
    keyring: Keyring | None = None,
    settings: EdgeSettings | None = None,
    passwords: Passwords | None = None,
) -> AsyncIterator[Bench]:
    """An edge's authorisation server over ``records``; the list of what was revoked is read when a test says so."""
    settings = settings or EdgeSettings(_env_file=None)
    keyring = keyring or make_keyring(clock)
    revocations = Revocations(records, clock)
    tokens = Tokens([Issuer("natya", "natya", OUR_ALGORITHMS, keyring)], clock, revocations=revocations)
    passwords = passwords or Passwords(cost=CHEAP)
    server = make_server(
        settings, records, clock, passwords=passwords, revocations=revocations, signer=keyring, verifier=tokens
    )
    async with passwords:
        yield Bench(server, revocations, tokens, keyring, Administration(records, passwords, clock), passwords)


def make_keyring(clock: Clock) -> Keyring:
    """A ring of one key."""
    return Keyring([new_key("EdDSA", datetime.fromtimestamp(clock.now_ms() / 1000, UTC))], clock)


def basic(id: str, secret: str) -> CIMultiDictProxy[str]:
    """The headers of a request by this client."""
    proof = base64.b64encode(f"{quote_plus(id)}:{quote_plus(secret)}".encode()).decode()
    return CIMultiDictProxy(CIMultiDict({"Authorization": f"Basic {proof}", "Content-Type": TYPE}))


def form(**parameters: str) -> Form:
    """These parameters, encoded and read."""
    return Form.read(basic("", ""), urlencode(parameters).encode())


class Losing(MemoryRecords):
    """Records of which writes may be done without an answer. ``lose`` counts down: the write that makes it 0 is unanswered."""

    lose = 0

    async def insert(self, collection: str, id: str, fields: Mapping[str, Any], *, expires: int | None = None) -> Record:
        return self._answered(await super().insert(collection, id, fields, expires=expires))

    async def replace(self, record: Record, fields: Mapping[str, Any], *, expires: int | None = None) -> Record:
        return self._answered(await super().replace(record, fields, expires=expires))

    async def delete(self, collection: str, id: str) -> None:
        await super().delete(collection, id)
        self._answered(None)

    def _answered(self, answer: T) -> T:
        self.lose -= 1
        if self.lose == 0:
            raise StoreUnavailable("the answer was lost")
        return answer
