"""Changing users and clients, so that what they were granted before ends with it: at once, or at every edge within seconds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeVar

from natya.clock import Clock
from natya.ports.records import Records
from natya_edge.oauth import names
from natya_edge.oauth.accounts import Account, Client, Directory, Grant, User, hash_secret, new_secret
from natya_edge.oauth.passwords import Passwords
from natya_edge.oauth.revocations import Entry, Revocations, client_before, user_before

A = TypeVar("A", bound=Account)


class Administration:
    """What an operator does. Everything may be repeated after a failure. All raise `Invalid`, `StoreUnavailable`."""

    def __init__(self, records: Records, passwords: Passwords, clock: Clock) -> None:
        self.users: Final = Directory(records, clock, User)
        self.clients: Final = Directory(records, clock, Client)
        self._passwords = passwords
        self._revocations = Revocations(records, clock)

    async def add_user(self, name: str, password: str, scopes: Iterable[str], roles: Iterable[str]) -> User:
        """Keep a new user."""
        fields = may(scopes, roles)
        hash = await self._passwords.hash(names.new_password(password))
        return await self.users.add(names.user_name(name), hash=hash, **fields)

    async def set_password(self, name: str, password: str) -> User:
        """A new password ends every log-in of the user."""
        hash = await self._passwords.hash(names.new_password(password))
        return await self.change(self.users, names.user_name(name), {"hash": hash}, new_epoch=True)

    async def add_client(
        self, id: str, grants: Iterable[Grant], scopes: Iterable[str], roles: Iterable[str], *, secret: str = ""
    ) -> tuple[Client, str]:
        """Keep a new client. Its secret, made here if none is given, is known here and now only."""
        fields, secret = may(scopes, roles), secret or new_secret()
        client = await self.clients.add(names.client_id(id), hash=hash_secret(secret), grants=frozenset(grants), **fields)
        return client, secret

    async def set_secret(self, id: str, secret: str = "") -> str:
        """A new secret, made here if none is given. It ends every log-in through the client, and the client's own tokens."""
        secret = secret or new_secret()
        await self.change(self.clients, id, {"hash": hash_secret(secret)}, new_epoch=True)
        return secret

    async def change(self, directory: Directory[A], id: str, fields: dict[str, Any], *, new_epoch: bool = False) -> A:
        """Set ``fields`` of an account. Access tokens from before are void; log-ins go on unless there is a ``new_epoch``."""
        changed = await directory.change(id, fields, new_epoch=new_epoch)
        await self._revocations.add(_void(changed))
        return changed

    async def disable(self, directory: Directory[A], id: str) -> A:
        """No new tokens, no refreshes, and what is there ends."""
        return await self.change(directory, id, {"disabled": True}, new_epoch=True)

    async def enable(self, directory: Directory[A], id: str) -> A:
        """New tokens may be had again."""
        return await self.change(directory, id, {"disabled": False})

    async def remove(self, directory: Directory[A], id: str) -> None:
        """Forget the account, after ending what it was granted: so a removal that fails half-way is finished by another."""
        await self.disable(directory, id)
        await directory.delete(id)


def may(scopes: Iterable[str] | None, roles: Iterable[str] | None) -> dict[str, frozenset[str]]:
    """The fields of an account that say what it may have; None leaves one out. Raises `Invalid`."""
    fields = {}
    if scopes is not None:
        fields["scopes"] = frozenset(map(names.scope, scopes))
    if roles is not None:
        fields["roles"] = frozenset(map(names.role, roles))
    return fields


def _void(account: Account) -> Entry:
    before = client_before if isinstance(account, Client) else user_before
    return before(account.id, account.edition)
