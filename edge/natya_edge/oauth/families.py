"""Refresh tokens: each log-in has a family of them, of which one is good at a time.

**Rotation** (RFC 9700, 4.14). A token that is used is replaced by its successor, in one compare-and-set of the family's record:
there is no moment between two steps. When a token that was replaced comes again, it or its successor is in wrong hands, and nobody
can tell which: the whole family ends.

**A lost answer** looks the same: the client has only the old token, and would be thrown out for it. So the token replaced last may be
used again for `Limits.grace` seconds, as long as its successor has not been used, and gets *the same* successor. So do two requests of
one client at the same moment. A family never forks: a thief and the client can only hold the same token, and the next of them to
come late ends the family. What it costs: a thief that is within the grace after each rotation, and never before it, is not noticed.
Every use of the grace is logged; 0 seconds turn it off.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from dataclasses import asdict, dataclass, replace
from typing import Final

from natya.clock import Clock
from natya.errors import Unavailable
from natya.ports.records import Record, RecordChanged, Records
from natya_edge.oauth.accounts import Client, User
from natya_edge.oauth.errors import InvalidGrant
from natya_edge.oauth.refresh_token import RefreshToken
from natya_edge.oauth.revocations import Revocations, family_of

COLLECTION: Final = "families"
ATTEMPTS: Final = 5
"""Readings for one rotation: a second one after losing a race, in which the winner has left what is needed."""

_log = logging.getLogger("natya.edge")


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: of a whole family, of a token that is not used, and of the one that was replaced last."""

    lifetime: int = 30 * 86_400
    idle: int = 7 * 86_400
    grace: int = 30


@dataclass(frozen=True, slots=True)
class Family:
    """One log-in. ``epochs`` are the user's and the client's when it began; times in ms since the epoch. ``current`` and ``previous`` are digests;
    ``salt`` leads from the previous token to the current one."""

    user: str
    client: str
    scopes: list[str]
    epochs: list[str]
    began: int
    rotated: int
    current: str
    previous: str = ""
    salt: str = ""


@dataclass(frozen=True, slots=True)
class Presented:
    """A token that was good when it was looked at, and its family as it was then."""

    token: RefreshToken
    family: Family
    record: Record


class Families:
    """All families."""

    def __init__(self, records: Records, revocations: Revocations, clock: Clock, limits: Limits) -> None:
        self._records = records
        self._revocations = revocations
        self._clock = clock
        self._limits = limits

    async def begin(self, user: User, client: Client, scopes: frozenset[str]) -> RefreshToken:
        """The first token of a new family."""
        token, now = RefreshToken.new(), self._clock.now_ms()
        epochs = [user.epoch, client.epoch]
        family = Family(user.id, client.id, sorted(scopes), epochs, now, now, token.digest)
        await self._records.insert(COLLECTION, token.family, asdict(family), expires=self._expires(family))
        return token

    async def look_up(self, text: str, client: str) -> Presented:
        """Whom the token stands for, if it is good. One that was replaced ends its family. Raises `InvalidGrant`."""
        token = RefreshToken.read(text)
        if token is None:
            raise InvalidGrant("this is no refresh token of ours")
        record = await self._records.get(COLLECTION, token.family)
        if record is None:
            raise InvalidGrant("the refresh token has expired or was revoked")
        family = Family(**record.fields)
        if family.client != client:
            raise InvalidGrant("the refresh token was issued to another client")
        if not hmac.compare_digest(family.current, token.digest) and not self._in_grace(family, token):
            _log.warning("a refresh token of family %s was used again: the family ends", token.family)
            await self.end(token)
            raise InvalidGrant("the refresh token was used before: for safety this log-in has ended, begin another")
        return Presented(token, family, record)

    async def owner(self, token: RefreshToken) -> str | None:
        """The client that the family was begun for, None if there is no such family (any more)."""
        record = await self._records.get(COLLECTION, token.family)
        return None if record is None else str(record.fields["client"])

    async def rotate(self, presented: Presented) -> RefreshToken:
        """The token to be used next; the one presented is good no more. Raises `InvalidGrant` if it is not by now."""
        for _ in range(ATTEMPTS):
            token, family = presented.token, presented.family
            if not hmac.compare_digest(family.current, token.digest):
                _log.warning("a refresh token of family %s was used again within the grace", token.family)
                return token.successor(family.salt)
            salt = secrets.token_hex(16)
            successor = token.successor(salt)
            rotated = replace(
                family, rotated=self._clock.now_ms(), current=successor.digest, previous=token.digest, salt=salt
            )
            try:
                await self._records.replace(presented.record, asdict(rotated), expires=self._expires(rotated))
            except RecordChanged:
                presented = await self.look_up(str(token), family.client)
            else:
                return successor
        raise Unavailable("the refresh token is being used by too many at once", retry_after=1.0)

    async def end(self, token: RefreshToken) -> None:
        """No token of the family is good any more, access tokens included."""
        await self._revocations.add(family_of(token.family))
        await self._records.delete(COLLECTION, token.family)

    def _in_grace(self, family: Family, token: RefreshToken) -> bool:
        age = self._clock.now_ms() - family.rotated
        return hmac.compare_digest(family.previous, token.digest) and age < self._limits.grace * 1000

    def _expires(self, family: Family) -> int:
        return min(family.began + self._limits.lifetime * 1000, family.rotated + self._limits.idle * 1000)
