"""This incarnation's place in the cluster, and the right that comes with it: the lease.

The lease is valid until the time the last successful renewal was *sent*, plus the TTL, less a margin, on a clock that counts
suspend. A renewal that got no answer is a no. After a disconnect nothing is valid until a renewal sent afterwards has succeeded:
whoever could not be reached may have been replaced.

A renewal expects the revision of the last one. If it is refused, the key is read: it may carry this incarnation, because an
earlier renewal was applied unseen; then go on from there. Otherwise the lease is lost, and with it everything: the key has
expired, or another member has proved that this one had ended (see `detection`).
"""

from __future__ import annotations

import asyncio

import orjson

from natya.ports.lease import Entry, LeaseUnknown, RevisionConflict
from natya.runtime.view import View
from natya.runtime.world import World
from natya.telemetry.events import LeaseLost as LeaseLostEvent
from natya.telemetry.events import MemberJoined
from natya.version import VERSION

RETRY = 0.2
KEPT = 2
"""How many times the lease a member's key is kept without a renewal. Others find the end of a lease by themselves (see `detection`);
the key must outlive a time in which NATS was away from everybody, so that all can go on where they were."""
REMEMBERED = 60
"""Seconds for which the bucket says of a member that it has ended, and whether it did so by itself."""


class LeaseLost(Exception):
    """Raised when this incarnation has ended."""


class Membership:
    """One incarnation. `join`, then `run` until it is lost or cancelled."""

    def __init__(self, world: World, view: View, kinds: dict[str, str], schemas: dict[str, int]) -> None:
        self._world = world
        self._view = view
        self._kinds = kinds
        self._schemas = schemas
        self._revision = 0
        self._until = 0.0
        self._breaks = 0
        self._hurry = asyncio.Event()
        self._leaving = False
        self._joined = world.clock.now_ms()
        self.name = world.settings.node
        self.incarnation = f"{_token(self.name)}-{world.ids.new()}"
        self._ends = [world.bus.on_disconnect(self._disconnected), world.bus.on_reconnect(self._hurry.set)]
        view.listen(self._changed)

    def valid(self) -> bool:
        """Whether the lease is valid now. Anything unknown means no."""
        return self._world.clock.boottime() < self._until

    @property
    def left(self) -> float:
        """Seconds for which the lease is still valid."""
        return max(0.0, self._until - self._world.clock.boottime())

    def _disconnected(self) -> None:
        self._breaks += 1
        self._until = 0.0

    def _changed(self) -> None:
        """If others have proved that this incarnation has ended, find out at once."""
        if self._revision and self.incarnation not in self._view.members:
            self._hurry.set()

    @property
    def _key(self) -> str:
        return member_key(self.incarnation)

    def _card(self) -> bytes:
        return orjson.dumps(
            {
                "name": self.name,
                "incarnation": self.incarnation,
                "server": self._world.bus.server,
                "kinds": self._kinds,
                "schemas": self._schemas,
                "version": VERSION,
                "joined": self._joined,
                "leaving": self._leaving,
            }
        )

    def close(self) -> None:
        """Listen to the connection no more."""
        for end in self._ends:
            end()
        self._ends = []

    async def join(self) -> None:
        """Write the member key. Raises `LeaseUnknown`."""
        await self._renew()
        self._world.telemetry.raise_event(MemberJoined(self.incarnation))

    async def _renew(self) -> None:
        settings, clock = self._world.settings, self._world.clock
        sent, breaks = clock.boottime(), self._breaks
        card = self._card()
        self._revision = await self._world.cluster.put(
            self._key, card, expected=self._revision, ttl=KEPT * settings.lease_ttl
        )
        if breaks == self._breaks:
            self._until = sent + settings.lease_ttl - settings.lease_margin
        self._view.apply(Entry(self._key, card, self._revision))

    async def run(self) -> None:
        """Renew until the lease is lost. Raises `LeaseLost`."""
        while True:
            try:
                await self._world.clock.wait_for(self._hurry.wait(), self._world.settings.renew_every)
            except TimeoutError:
                pass
            self._hurry.clear()
            await self._renew_certainly()

    async def _renew_certainly(self) -> None:
        while True:
            try:
                await self._renew()
                return
            except LeaseUnknown:
                await self._world.clock.sleep(RETRY)
            except RevisionConflict:
                await self._look()

    async def _look(self) -> None:
        """A renewal was refused: find out what the key is now."""
        try:
            entry = await self._world.cluster.get(self._key)
        except LeaseUnknown:
            await self._world.clock.sleep(RETRY)
            return
        if entry is None or not entry.value or has_left(entry.value):
            self._until = 0.0
            why = "another member found it unreachable" if entry and entry.value else "the member key has expired"
            self._world.telemetry.raise_event(LeaseLostEvent(self.incarnation, why))
            raise LeaseLost(f"the lease of {self.incarnation} has ended")
        self._revision = entry.revision

    def withdraw(self) -> None:
        """Say that this node is about to leave, so that what it releases finds another owner at once."""
        self._leaving = True
        self._hurry.set()

    async def leave(self) -> None:
        """Say that this incarnation has ended: call when it holds nothing any more."""
        self._until = 0.0
        try:
            await self._world.cluster.put(self._key, LEFT, expected=self._revision, ttl=REMEMBERED)
        except (LeaseUnknown, RevisionConflict):
            return


def _token(name: str) -> str:
    """The name as it may stand in a subject."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in name)


LEFT = orjson.dumps({"left": True})
"""What a member's key says when that incarnation has ended: its own last word."""


def died(at: int) -> bytes:
    """The same as another says it who has proof; ``at``: when that was, ms."""
    return orjson.dumps({"left": True, "died": at})


def has_left(value: bytes) -> bool:
    return bool(orjson.loads(value).get("left"))


def member_key(incarnation: str) -> str:
    return f"member.{incarnation}"
