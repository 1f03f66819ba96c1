"""What this node knows of the cluster: members and owners, from a watch. Applied by revision, never by arrival."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from natya.clock import Clock
from natya.ports.lease import Entry

ENDED_LIMIT = 4_096


@dataclass(frozen=True, slots=True)
class Owner:
    """Who has a partition: ``incarnation`` is empty if it was released. ``group`` is the epoch of the last forced take-over,
    ``schema`` the number of the states' form that its owner writes."""

    incarnation: str
    epoch: int
    group: int
    revision: int
    schema: int = 1


@dataclass(frozen=True, slots=True)
class Member:
    """One incarnation of a node. ``kinds`` maps the kinds it hosts to the digests of their manifests, ``schemas`` to the forms of
    state it can read; ``server`` is the NATS server it is connected to; ``joined`` orders incarnations of one name;
    ``leaving``: it takes nothing more."""

    incarnation: str
    name: str
    server: str
    kinds: dict[str, str]
    version: str
    joined: int
    leaving: bool = False
    schemas: dict[str, int] = field(default_factory=dict)


class View:
    """Members and owners as last heard. ``changed`` is called after every change of either."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._revisions: dict[str, int] = {}
        self._heard: dict[str, float] = {}
        self._ended: dict[str, None] = {}
        self._died: dict[str, int] = {}
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
            if entry.value:
                self._end(incarnation, document.get("died"))
            elif incarnation in self.members:
                self.found_dead(incarnation)
            return self.members.pop(incarnation, None) is not None
        self._heard[incarnation] = self._clock.boottime()
        member = Member(
            incarnation, document["name"], document["server"], document["kinds"], document["version"], document["joined"],
            document.get("leaving", False), document.get("schemas", {}),
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
            document["node"] or "", document["epoch"], document["group"], entry.revision, document.get("schema", 1)
        )
        return True

    def _end(self, incarnation: str, died: int | None) -> None:
        """It is certain that this incarnation has ended: by itself, or ``died`` is when it was found dead. Remembered for the last few
        thousand."""
        self._ended[incarnation] = None
        if died is not None:
            self._died[incarnation] = died
        if len(self._ended) > ENDED_LIMIT:
            oldest = next(iter(self._ended))
            del self._ended[oldest]
            self._died.pop(oldest, None)
            self._heard.pop(oldest, None)
            self._revisions.pop(f"member.{oldest}", None)

    def found_dead(self, incarnation: str) -> None:
        """That incarnation has ended, and nobody has said so. What it was doing is unknown."""
        if incarnation not in self._ended:
            self._died.setdefault(incarnation, self._clock.now_ms())
            if len(self._died) > ENDED_LIMIT:
                del self._died[next(iter(self._died))]

    def revision(self, incarnation: str) -> int:
        """The revision of the member's key as last heard."""
        return self._revisions.get(f"member.{incarnation}", 0)

    def silent(self, seconds: float) -> list[str]:
        """The members that no renewal was seen of for so long."""
        now = self._clock.boottime()
        return [incarnation for incarnation in self.members if now - self._heard.get(incarnation, now) > seconds]

    def gone(self, incarnation: str) -> None:
        """The member's key is not there any more, though nobody told."""
        if self.members.pop(incarnation, None) is not None:
            for listener in self._listeners:
                listener()

    def is_proved(self, incarnation: str) -> bool:
        """Whether that incarnation has left, or somebody has proved that it has ended."""
        return incarnation in self._ended

    def deaths(self, since: int) -> int:
        """How many incarnations were found dead later than that (ms)."""
        return sum(died > since for died in self._died.values())

    def has_ended(self, incarnation: str, ttl: float) -> bool:
        """Whether that incarnation's lease is certainly over: it has left or was proved to have ended (see `detection`), or its key
        has expired and its time has passed on this node's own clock since the last renewal seen here."""
        if incarnation in self.members:
            return False
        if self.is_proved(incarnation):
            return True
        return self._clock.boottime() - self._heard.get(incarnation, self._began) > ttl
