"""The authorisation server: requests for tokens, and their revocation, once they have been read."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from natya.clock import Clock
from natya_edge.auth.principal import Principal
from natya_edge.errors import BadToken
from natya_edge.headers import Headers
from natya_edge.oauth import names
from natya_edge.oauth.accounts import Client, Directory, Grant, User
from natya_edge.oauth.client_authentication import authenticate_client
from natya_edge.oauth.errors import InvalidGrant, InvalidScope, UnauthorizedClient, UnsupportedGrantType
from natya_edge.oauth.families import Families
from natya_edge.oauth.form import Form
from natya_edge.oauth.log_in import LogIn
from natya_edge.oauth.refresh_token import RefreshToken
from natya_edge.oauth.revocations import Revocations, token_of

TOKEN_TYPE: Final = "Bearer"


class Signer(Protocol):
    """What signs access tokens: a `Keyring`."""

    def sign(self, claims: Mapping[str, Any]) -> str: ...


class Verifier(Protocol):
    """What believes access tokens: `Tokens`."""

    async def verify(self, token: str) -> Principal: ...


@dataclass(frozen=True, slots=True)
class Terms:
    """What every access token says: issuer, audience, and for how many seconds it is good."""

    issuer: str
    audience: str
    lifetime: int


class AuthorizationServer:
    """Grants tokens and takes them back."""

    def __init__(
        self,
        terms: Terms,
        clock: Clock,
        *,
        users: Directory[User],
        clients: Directory[Client],
        log_in: LogIn,
        families: Families,
        revocations: Revocations,
        signer: Signer,
        verifier: Verifier,
    ) -> None:
        self._terms = terms
        self._clock = clock
        self._users = users
        self._clients = clients
        self._log_in = log_in
        self._families = families
        self._revocations = revocations
        self._signer = signer
        self._verifier = verifier

    async def token(self, headers: Headers, form: Form) -> dict[str, Any]:
        """The answer to a request for tokens (RFC 6749, 5.1). Raises `OAuthError`."""
        client = await authenticate_client(self._clients, headers, form)
        given = form.need("grant_type")
        try:
            grant = Grant(given)
        except ValueError:
            raise UnsupportedGrantType(f"grant_type must be one of {', '.join(Grant)}") from None
        if grant not in client.grants:
            raise UnauthorizedClient(f"the client {client.id} may not use the grant type {grant}")
        match grant:
            case Grant.CLIENT_CREDENTIALS:
                return self._answer(client, None, _requested(form, client.scopes), client.roles)
            case Grant.PASSWORD:
                return await self._of_password(client, form)
            case Grant.REFRESH_TOKEN:
                return await self._of_refresh_token(client, form)

    async def revoke(self, headers: Headers, form: Form) -> None:
        """Take a token back (RFC 7009); one that is not good anyway is no error. Raises `OAuthError`."""
        client = await authenticate_client(self._clients, headers, form)
        text = form.need("token")  # a hint of its type is not needed: what it is can be seen
        if (refresh := RefreshToken.read(text)) is not None:
            owner = await self._families.owner(refresh)
            _check_owner(client, owner)
            if owner is not None:
                await self._families.end(refresh)
            return
        try:
            principal = await self._verifier.verify(text)
        except BadToken:
            return
        _check_owner(client, principal.claims.get("client_id", "") if principal.issuer == self._terms.issuer else "")
        await self._revocations.add(token_of(principal.claims["jti"]))

    async def _of_password(self, client: Client, form: Form) -> dict[str, Any]:
        user = await self._log_in.check(form.need("username"), form.need("password"))
        scopes = _requested(form, user.scopes & client.scopes)
        refresh = None
        if Grant.REFRESH_TOKEN in client.grants:
            refresh = await self._families.begin(user, client, scopes)
        return self._answer(client, user, scopes, user.roles, refresh)

    async def _of_refresh_token(self, client: Client, form: Form) -> dict[str, Any]:
        presented = await self._families.look_up(form.need("refresh_token"), client.id)
        family = presented.family
        user = await self._users.get(family.user)
        if user is None or user.disabled or family.epochs != [user.epoch, client.epoch]:
            await self._families.end(presented.token)
            raise InvalidGrant("the user may not use this log-in any more: begin another")
        # What was granted shrinks with what the user and the client may have, and never grows.
        scopes = _requested(form, frozenset(family.scopes)) & user.scopes & client.scopes
        return self._answer(client, user, scopes, user.roles, await self._families.rotate(presented))

    def _answer(
        self,
        client: Client,
        user: User | None,
        scopes: frozenset[str],
        roles: frozenset[str],
        refresh: RefreshToken | None = None,
    ) -> dict[str, Any]:
        now = self._clock.now_ms() // 1000
        claims: dict[str, Any] = {
            "iss": self._terms.issuer,
            "aud": self._terms.audience,
            "sub": user.id if user is not None else names.client_subject(client.id),
            "client_id": client.id,
            "client_edition": client.edition,
            "iat": now,
            "exp": now + self._terms.lifetime,
            "jti": secrets.token_urlsafe(16),
            "scope": " ".join(sorted(scopes)),
            "roles": sorted(roles),
        }
        if user is not None:
            claims["user_edition"] = user.edition
        answer: dict[str, Any] = {
            "access_token": "",
            "token_type": TOKEN_TYPE,
            "expires_in": self._terms.lifetime,
            "scope": claims["scope"],
        }
        if refresh is not None:
            claims["sid"] = refresh.family
            answer["refresh_token"] = str(refresh)
        answer["access_token"] = self._signer.sign(claims)
        return answer


def _requested(form: Form, allowed: frozenset[str]) -> frozenset[str]:
    """The scopes asked for, all that are allowed if none are named. Raises `InvalidScope` if one is not allowed."""
    given = form.get("scope")
    if given is None:
        return allowed
    scopes = frozenset(given.split())
    if more := sorted(scopes - allowed):
        raise InvalidScope(f"not allowed here: {' '.join(more)[:200]}")
    return scopes


def _check_owner(client: Client, owner: str | None) -> None:
    """Raise `InvalidGrant` if a token is another client's."""
    if owner is not None and owner != client.id:
        raise InvalidGrant("the token was issued to another client")
