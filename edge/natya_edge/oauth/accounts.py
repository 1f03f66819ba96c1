"""Users and clients: what they may get, and how they prove who they are. Kept as records, one collection each.

Two marks end what was granted before, without comparing clocks. A token says under which *edition* of the account it was made: a
number that grows with every change of the account, and tokens of lower ones are revoked. A log-in says in which *epoch* it began: a
new password, a new secret and being disabled begin another, and refresh tokens of any other epoch are good no more.
"""

from __future__ import annotations

import hashlib
import secrets
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from natya.clock import Clock
from natya.errors import Invalid, Unavailable
from natya.ports.records import Record, RecordChanged, RecordExists, Records

ATTEMPTS: Final = 10


class Grant(StrEnum):
    """How a client may get tokens."""

    CLIENT_CREDENTIALS = "client_credentials"
    PASSWORD = "password"
    REFRESH_TOKEN = "refresh_token"


class Account(BaseModel):
    """What users and clients have in common. ``created`` in ms since the epoch."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    disabled: bool = False
    created: int
    edition: str
    epoch: str

    def public(self) -> dict[str, Any]:
        """What may be shown: nothing that helps to guess."""
        shown = self.model_dump(mode="json", exclude={"edition", "epoch", "hash"})
        return {name: sorted(value) if isinstance(value, list) else value for name, value in shown.items()}


class User(Account):
    """A person. ``id`` is the name in its one spelling; ``hash`` is argon2's."""

    hash: str


class Client(Account):
    """A program. Its secret is never chosen by people: it has 256 bits of chance, so one round of SHA-256 hides it as well as any
    slow hash, and a client that fetches a token costs microseconds."""

    hash: str
    grants: frozenset[Grant]

    def proves(self, secret: str) -> bool:
        """Whether this is its secret."""
        return secrets.compare_digest(self.hash, hash_secret(secret))


def new_secret() -> str:
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


A = TypeVar("A", bound=Account)


class Directory(Generic[A]):
    """All accounts of one sort. ``noun`` is the sort as errors name it."""

    def __init__(self, records: Records, clock: Clock, sort: type[A]) -> None:
        self._records = records
        self._clock = clock
        self._sort = sort
        self.noun = sort.__name__.lower()
        self._collection = f"{self.noun}s"

    async def get(self, id: str) -> A | None:
        """The account as it is now, None if there is none."""
        record = await self._records.get(self._collection, id)
        return None if record is None else self._read(record)

    async def find(self, id: str) -> A:
        """The account. Raises `Invalid` if there is none."""
        found = await self.get(id)
        if found is None:
            raise self._missing(id)
        return found

    async def add(self, id: str, **fields: Any) -> A:
        """Keep a new account. Raises `Invalid` if the id is taken."""
        now = self._clock.now_ms()
        account = self._sort(id=id, created=now, edition=_edition(now), epoch=_new_epoch(), **fields)
        try:
            await self._records.insert(self._collection, id, _fields(account))
        except RecordExists:
            raise Invalid(f"there is a {self.noun} {id!r} already") from None
        return account

    async def change(self, id: str, fields: dict[str, Any], *, new_epoch: bool = False) -> A:
        """Set ``fields``, as a new edition. Raises `Invalid` if there is no such account."""
        for _ in range(ATTEMPTS):
            record = await self._records.get(self._collection, id)
            if record is None:
                raise self._missing(id)
            account = self._read(record)
            edition = _edition(max(int(account.edition) + 1, self._clock.now_ms()))
            epoch = _new_epoch() if new_epoch else account.epoch
            changed = account.model_copy(update={**fields, "edition": edition, "epoch": epoch})
            try:
                await self._records.replace(record, _fields(changed))
            except RecordChanged:
                continue
            return changed
        raise Unavailable(f"somebody else changes the {self.noun} {id!r} at the same time", retry_after=1.0)

    async def rehash(self, account: A, hash: str) -> None:
        """Put another hash of the same password in the place of ``account``'s, unless it was changed meanwhile."""
        record = await self._records.get(self._collection, account.id)
        if record is not None and self._read(record) == account:
            try:
                await self._records.replace(record, {**record.fields, "hash": hash})
            except RecordChanged:
                pass  # whoever changed it knows better

    async def delete(self, id: str) -> None:
        """Forget the account. Disable it first: that ends what it has been granted."""
        await self._records.delete(self._collection, id)

    async def list(self, *, after: str = "", limit: int = 1_000) -> list[A]:
        """The first accounts behind ``after``, by id."""
        return [self._read(record) for record in await self._records.list(self._collection, after=after, limit=limit)]

    def _missing(self, id: str) -> Invalid:
        return Invalid(f"there is no {self.noun} {id!r}: natya {self._collection} ls lists those there are")

    def _read(self, record: Record) -> A:
        return self._sort(id=record.id, **record.fields)


def _edition(number: int) -> str:
    """As text that sorts like the number, for it is a claim among others."""
    return f"{number:016}"


def _new_epoch() -> str:
    return secrets.token_hex(8)


def _fields(account: Account) -> dict[str, Any]:
    return account.model_dump(mode="json", exclude={"id"})
