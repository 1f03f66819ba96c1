"""What this node knows of the cluster: members and owners, from a watch. Applied by revision, never by arrival."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from natya.clock import Clock
from natya.ports.lease import Entry


@dataclass(frozen=True, slots=True)
class Owner:
    """Who has a partition: ``incarnation`` is empty if it was released. ``group`` is the epoch of the last forced take-over."""

    incarnation: str
    epoch: int
    group: int
    revision: int


@dataclass(frozen=True, slots=True)
class Member:
    """One incarnation of a node. ``kinds`` maps the kinds it hosts to the digests of their manifests; ``server`` is the NATS
    server it is connected to; ``joined`` orders incarnations of one name; ``leaving``: it takes nothing more."""

    incarnation: str
    name: str
    server: str
    kinds: dict[str, str]
    version: str
    joined: int
    leaving: bool = False


class View:
    """Members and owners as last heard. ``changed`` is called after every change of either."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._revisions: dict[str, int] = {}
        self._heard: dict[str, float] = {}
        self._began = clock.boottime()
        self._listeners: list[Callable[[], None]] = []
        self.members: dict[str, Member] = {}
        self.owners: dict[tuple[str, int], Owner] = {}

    def listen(self, changed: Callable[[], None]) -> None:
        self._listeners.append(changed)

    def apply(self, entry: Entry) -> None:
        """Take in one entry, from the watch or from an own write."""
        if self._revisions.get(entry.key, -1) >= entry.revision:
            return
        self._revisions[entry.key] = entry.revision
        what, _, rest = entry.key.partition(".")
        changed = False
        if what == "member":
            changed = self._apply_member(rest, entry)
        elif what == "owner":
            changed = self._apply_owner(rest, entry)
        if changed:
            for listener in self._listeners:
                listener()

    def _apply_member(self, incarnation: str, entry: Entry) -> bool:
        document: dict[str, Any] = orjson.loads(entry.value) if entry.value else {"left": True}
        if document.get("left"):
            return self.members.pop(incarnation, None) is not None
        self._heard[incarnation] = self._clock.boottime()
        member = Member(
            incarnation, document["name"], document["server"], document["kinds"], document["version"], document["joined"],
            document.get("leaving", False),
        )  # fmt: skip
        before = self.members.get(incarnation)
        self.members[incarnation] = member
        return before is None or before.kinds != member.kinds or before.leaving != member.leaving

    def _apply_owner(self, rest: str, entry: Entry) -> bool:
        kind, _, partition = rest.rpartition(".")
        if not entry.value:
            return False
        document = orjson.loads(entry.value)
        self.owners[kind, int(partition)] = Owner(
            document["node"] or "", document["epoch"], document["group"], entry.revision
        )
        return True

    def silent(self, seconds: float) -> list[str]:
        """The members that no renewal was seen of for so long."""
        now = self._clock.boottime()
        return [incarnation for incarnation in self.members if now - self._heard.get(incarnation, now) > seconds]

    def gone(self, incarnation: str) -> None:
        """The member's key is not there any more, though nobody told."""
        if self.members.pop(incarnation, None) is not None:
            for listener in self._listeners:
                listener()

    def has_ended(self, incarnation: str, ttl: float) -> bool:
        """Whether that incarnation's lease is certainly over: its key has ended, and its time has passed on this node's own clock
        since the last renewal seen here."""
        if incarnation in self.members:
            return False
        return self._clock.boottime() - self._heard.get(incarnation, self._began) > ttl
