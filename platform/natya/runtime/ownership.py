"""Which partitions this node has, takes and gives back.

Every node computes the same placement from the members it knows. It takes what placement gives it as soon as that is free: never
used, released, or of an owner whose end is certain. It gives back what placement gives to another member that is there. Views
may differ for a while; the owner key's compare-and-set and the fence make that cost a retry, never safety.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from natya.runtime.membership import Membership
from natya.runtime.partition import Partition, Surroundings
from natya.runtime.placement import hosts, place
from natya.runtime.tenure import Tenure
from natya.runtime.view import Member, Owner, View
from natya.telemetry.events import NobodyCanRead

if TYPE_CHECKING:
    from natya.manifest import Definition

RELEASES_AT_ONCE = 4
SETTLE = 0.25
"""Seconds after joining in which other members may appear before anything is claimed."""


class Ownership:
    """Keeps this node's tenures in line with the placement."""

    def __init__(
        self,
        around: Surroundings,
        membership: Membership,
        view: View,
        definitions: Sequence[Definition],
        tenures: dict[tuple[str, int], Tenure],
        *,
        former: frozenset[str],
        patient_until: float,
    ) -> None:
        """``former`` are earlier incarnations of this very process, which hold nothing any more; until ``patient_until``
        nothing is taken because leases have run out (this node has just lost its own: others may have, too)."""
        self._around = around
        self._world = around.world
        self._membership = membership
        self._view = view
        self._definitions = definitions
        self._tenures = tenures
        self._former = former
        self._patient_until = patient_until
        self._look = asyncio.Event()
        self._leaving = False
        self._places: dict[str, list[str | None]] = {}
        self._placed_for: dict[str, tuple[dict[str, Member], list[int]]] = {}
        self.settled = asyncio.Event()
        view.listen(self._look.set)

    def partitions(self, kind: str) -> list[Partition]:
        """The partitions of a kind that are served here."""
        return [t.partition for (k, _), t in self._tenures.items() if k == kind and t.partition is not None]

    async def run(self) -> None:
        """Take and give back until cancelled."""
        await self._world.clock.sleep(SETTLE)
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._look.clear()
                self._decide(tasks)
                try:
                    await self._world.clock.wait_for(self._look.wait(), 0.25)
                except TimeoutError:
                    pass

    async def leave(self) -> None:
        """Release everything and take nothing more; returns when all is released."""
        self._leaving = True
        for tenure in self._tenures.values():
            tenure.release()
        while self._tenures:
            await self._world.clock.sleep(0.01)

    def _decide(self, tasks: asyncio.TaskGroup) -> None:
        complete = True
        present = self._membership.incarnation in self._view.members
        releasing = sum(1 for tenure in self._tenures.values() if not tenure.serving and tenure.partition is not None)
        for definition in self._definitions:
            kind = definition.kind
            self._place(definition)
            for number in range(definition.partitions):
                mine = self._is_mine(kind, number)
                tenure = self._tenures.get((kind, number))
                if tenure is None:
                    if mine and not self._leaving:
                        complete = False
                        self._take(tasks, definition, number)
                elif not mine and present and tenure.serving and releasing < RELEASES_AT_ONCE:
                    tenure.release()
                    releasing += 1
                complete = complete and (not mine or (tenure is not None and tenure.serving))
        if complete:
            self.settled.set()

    def _place(self, definition: Definition) -> None:
        """Compute the placement of one kind anew if what it depends on has changed."""
        kind = definition.kind
        members = hosts(kind, self._view.members.values())
        needs = [owner.schema if (owner := self._view.owners.get((kind, n))) else 0 for n in range(definition.partitions)]
        if (members, needs) == self._placed_for.get(kind):
            return
        self._placed_for[kind] = members, needs
        self._places[kind] = place(kind, needs, {name: member.schemas.get(kind, 1) for name, member in members.items()})
        unread = [need for need, name in zip(needs, self._places[kind], strict=True) if name is None and members]
        if unread:
            self._world.telemetry.raise_event(NobodyCanRead(kind, max(unread), len(unread)))

    def _is_mine(self, kind: str, number: int) -> bool:
        name = self._places[kind][number]
        return name is not None and self._placed_for[kind][0][name].incarnation == self._membership.incarnation

    def _take(self, tasks: asyncio.TaskGroup, definition: Definition, number: int) -> None:
        if not self._membership.valid():
            return
        owner = self._view.owners.get((definition.kind, number))
        forced = owner is not None and bool(owner.incarnation)
        if owner is not None and forced and not self._may_force(owner):
            return
        tenure = Tenure(self._around, self._membership.incarnation, definition, number)
        self._tenures[definition.kind, number] = tenure
        tasks.create_task(self._hold(tenure, definition.kind, number, owner, forced=forced))

    def _may_force(self, owner: Owner) -> bool:
        if owner.incarnation == self._membership.incarnation or owner.incarnation in self._former:
            return True
        if self._view.is_proved(owner.incarnation):
            return True
        if self._world.clock.boottime() < self._patient_until:
            return False
        return self._view.has_ended(owner.incarnation, self._world.settings.lease_ttl)

    async def _hold(self, tenure: Tenure, kind: str, number: int, owner: Owner | None, *, forced: bool) -> None:
        try:
            await tenure.run(owner, forced=forced)
            if tenure.reason != "released":
                await self._world.clock.sleep(0.05)
        finally:
            del self._tenures[kind, number]
            self._look.set()
