"""Access tokens that are good no more before their time: a list in the store, which every edge reads every few seconds.

An access token proves itself, so no edge asks anybody about it, and a revoked one would be good until it expires. The list is what
bounds that: an entry names one token, one log-in, or an account and the edition below which its tokens are void. Entries expire
when the last token that they can be about has, so the list stays short and is read as a whole.

While the store is away the list is as it was read last: then a token that is revoked elsewhere is good until it expires, at most
`LONGEST_LIFE` after it was made.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Final

from natya.clock import Clock
from natya.ports.records import RecordChanged, RecordExists, Records
from natya.ports.store import StoreUnavailable

COLLECTION: Final = "revoked"
LONGEST_LIFE: Final = 3_600
"""Seconds: no access token of ours lives longer, whatever an edge is set to."""
_KEPT_MS: Final = (LONGEST_LIFE + 300) * 1000
_PAGE: Final = 1_000

_log = logging.getLogger("natya.edge")


@dataclass(frozen=True, slots=True)
class Entry:
    """What is void: of ``claim`` being ``value`` all tokens, or where there is an ``edition`` those of earlier ones."""

    claim: str
    value: str
    edition: str = ""


def token_of(jti: str) -> Entry:
    """One token."""
    return Entry("jti", jti)


def family_of(id: str) -> Entry:
    """All tokens of one log-in."""
    return Entry("sid", id)


def user_before(name: str, edition: str) -> Entry:
    """A user's tokens of editions before this one."""
    return Entry("sub", name, edition)


def client_before(id: str, edition: str) -> Entry:
    """A client's tokens of editions before this one, those of its users too."""
    return Entry("client_id", id, edition)


class Revocations:
    """Implements `natya_edge.auth.revocations.Revocations`: the list as this edge knows it."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock
        self._entries: frozenset[Entry] = frozenset()
        self._added: set[Entry] = set()
        self._tokens: frozenset[str] = frozenset()
        self._families: frozenset[str] = frozenset()
        self._users: dict[str, str] = {}
        self._clients: dict[str, str] = {}

    def is_revoked(self, claims: Mapping[str, str]) -> bool:
        """Whether a token with these claims is void. Claims that other issuers have made up are harmless here: at worst they
        make their own token void."""
        if not self._entries:
            return False
        return (
            claims.get("jti") in self._tokens
            or claims.get("sid") in self._families
            or claims.get("user_edition", _NEVER) < self._users.get(claims.get("sub", ""), "")
            or claims.get("client_edition", _NEVER) < self._clients.get(claims.get("client_id", ""), "")
        )

    async def add(self, entry: Entry) -> None:
        """Revoke: here at once, at other edges when they read the list next. May be repeated."""
        id, fields, expires = f"{entry.claim}:{entry.value}:{entry.edition}", asdict(entry), self._clock.now_ms() + _KEPT_MS
        try:
            await self._records.insert(COLLECTION, id, fields, expires=expires)
        except RecordExists:
            present = await self._records.get(COLLECTION, id)
            if present is not None:
                with suppress(RecordChanged):  # then somebody else has just put its end off
                    await self._records.replace(present, fields, expires=expires)
        self._added.add(entry)
        self._use(self._entries | {entry})

    async def read(self) -> None:
        """Read the list. Raises `StoreUnavailable`."""
        self._added.clear()
        found: set[Entry] = set()
        last = ""
        while page := await self._records.list(COLLECTION, after=last, limit=_PAGE):
            found.update(Entry(**record.fields) for record in page)
            last = page[-1].id
            if len(page) < _PAGE:
                break
        self._use(found | self._added)  # what was added meanwhile may not have been in what was read

    async def keep_reading(self, every: float) -> None:
        """Read the list now and every so many seconds, until cancelled."""
        away = False
        while True:
            try:
                await self.read()
            except StoreUnavailable as error:
                if not away:
                    _log.warning("what was revoked cannot be read: the list is as it was; %s", error)
                away = True
            else:
                if away:
                    _log.info("what was revoked can be read again")
                away = False
            await self._clock.sleep(every)

    def __len__(self) -> int:
        """How many entries there are."""
        return len(self._entries)

    def _use(self, entries: Iterable[Entry]) -> None:
        fresh = frozenset(entries)
        if fresh == self._entries:
            return
        self._entries = fresh
        self._tokens = frozenset(entry.value for entry in fresh if entry.claim == "jti")
        self._families = frozenset(entry.value for entry in fresh if entry.claim == "sid")
        self._users = _editions(fresh, "sub")
        self._clients = _editions(fresh, "client_id")


_NEVER: Final = "~"
"""The edition of a token that says none: it is of no account of ours."""


def _editions(entries: Iterable[Entry], claim: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in entries:
        if entry.claim == claim:
            found[entry.value] = max(entry.edition, found.get(entry.value, ""))
    return found
