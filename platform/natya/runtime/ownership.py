"""Which partitions this node has, takes and gives back.

Every node computes the same placement from the members it knows. It takes what placement gives it as soon as that is free: never
used, released, or of an owner whose end is certain. What placement gives to another member that is there it hands over to
that; a node that leaves hands over everything. Views may differ for a while; the owner key's compare-and-set and the fence
make that cost a retry, never safety.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from natya.runtime.claiming import release_key
from natya.runtime.membership import Membership
from natya.runtime.partition import Partition
from natya.runtime.placement import hosts, place
from natya.runtime.receiving import Receiving
from natya.runtime.surroundings import Surroundings
from natya.runtime.tenure import Tenure
from natya.runtime.view import Member, Owner, View
from natya.telemetry.events import NobodyCanRead

if TYPE_CHECKING:
    from natya.manifest import Definition

HANDED_OVER_AT_ONCE = 4
BALANCE_AFTER = 2.0
"""Seconds for which those that are left keep what they have when a member is lost: they have its share to take, and it may be
back soon."""
REFUSALS = 4
"""After so many a node that leaves releases the partition: perhaps the others run code that knows no hand-over."""
PAUSE = 0.05
"""Seconds between the end of a tenure that failed and the next attempt."""
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
        self._tasks: asyncio.TaskGroup | None = None
        self._receiving = Receiving(
            around, membership.incarnation, definitions, tenures,
            willing=lambda: self._tasks is not None and not self._leaving and membership.valid(), begin=self._begin, spawn=self._spawn,
        )  # fmt: skip
        self._lives: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._returning: set[tuple[str, int]] = set()
        self._balance_from = 0.0
        self._wanted: set[tuple[str, int]] = set()
        self._places: dict[str, list[str | None]] = {}
        self._placed_for: dict[str, tuple[dict[str, Member], list[int]]] = {}
        self.settled = asyncio.Event()
        view.listen(self._look.set)

    def partitions(self, kind: str) -> list[Partition]:
        """The partitions of a kind that are served here."""
        return [t.partition for (k, _), t in self._tenures.items() if k == kind and t.partition is not None]

    async def open(self, stack: AsyncExitStack) -> None:
        """Listen to owners that hand over, until ``stack`` is closed. Raises `Disconnected`, `NoReply`."""
        await self._receiving.open(stack)

    async def run(self) -> None:
        """Take and give away until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            await self._world.clock.sleep(SETTLE)
            while True:
                self._look.clear()
                self._decide()
                try:
                    await self._world.clock.wait_for(self._look.wait(), 0.25)
                except TimeoutError:
                    pass

    def want(self, kind: str, number: int) -> None:
        """Somebody calls an actor of this partition and nobody answers: take it before others, if it is to be taken."""
        self._wanted.add((kind, number))

    def why_nobody(self, kind: str, number: int) -> str:
        """Why no node that is there can own the partition; empty if one can."""
        members, needs = self._placed_for.get(kind, ({}, []))
        if not members or self._places[kind][number] is not None:
            return ""
        most = max(member.schemas.get(kind, 1) for member in members.values())
        return (
            f"the states in this partition are of schema {needs[number]}, and no node that is there reads more than {most}"
        )

    async def leave(self) -> None:
        """Give everything away and take nothing more; returns when nothing is held. What cannot be handed over within the drain
        time-out is released."""
        self._leaving = True
        self._look.set()
        clock = self._world.clock
        until = clock.boottime() + self._world.settings.drain_timeout
        self._decide()
        while self._tenures or (self._returning and clock.boottime() < until):
            if clock.boottime() >= until:
                for place, tenure in self._tenures.items():
                    tenure.release()
                    if tenure.partition is None:
                        self._lives[place].cancel()  # it still waits for the journal, perhaps for ever
            await clock.sleep(0.01)

    def _decide(self) -> None:
        """Begin what has to be done now."""
        complete = True
        free: list[tuple[Definition, int]] = []
        present = self._membership.incarnation in self._view.members
        balance = present and (self._leaving or self._world.clock.boottime() >= self._balance_from)
        giving = sum(1 for tenure in self._tenures.values() if not tenure.serving and tenure.partition is not None)
        for definition in self._definitions:
            self._place(definition)
            for number in range(definition.partitions):
                successor = self._chosen(definition.kind, number)
                mine = successor is not None and successor.incarnation == self._membership.incarnation
                tenure = self._tenures.get((definition.kind, number))
                if tenure is None:
                    if mine and not self._leaving:
                        complete = False
                        free.append((definition, number))
                    else:
                        self._return(definition.kind, number)
                elif not mine and balance and tenure.serving and giving < HANDED_OVER_AT_ONCE:
                    self._give(tenure, successor)
                    giving += 0 if tenure.serving else 1
                complete = complete and (not mine or (tenure is not None and tenure.serving))
        for definition, number in sorted(free, key=lambda place: (place[0].kind, place[1]) not in self._wanted):
            self._take(definition, number)
        self._wanted.clear()
        if complete:
            self.settled.set()

    def _give(self, tenure: Tenure, successor: Member | None) -> None:
        """Hand over, or release what nobody else can or will have if this node leaves."""
        if successor is not None and not (self._leaving and tenure.refusals >= REFUSALS):
            tenure.hand_to(successor.incarnation)
        elif self._leaving:
            tenure.release()

    def _place(self, definition: Definition) -> None:
        """Compute the placement of one kind anew if what it depends on has changed."""
        kind = definition.kind
        members = hosts(kind, self._view.members.values())
        if self._leaving:
            members.pop(self._membership.name, None)
        needs = [owner.schema if (owner := self._view.owners.get((kind, n))) else 0 for n in range(definition.partitions)]
        before, needed = self._placed_for.get(kind, ({}, []))
        if (members, needs) == (before, needed):
            return
        if members.keys() - before.keys():
            self._balance_from = 0.0
        elif before.keys() - members.keys():
            self._balance_from = self._world.clock.boottime() + BALANCE_AFTER
        self._placed_for[kind] = members, needs
        self._places[kind] = place(kind, needs, {name: member.schemas.get(kind, 1) for name, member in members.items()})
        unread = [need for need, name in zip(needs, self._places[kind], strict=True) if name is None and members]
        if unread:
            self._world.telemetry.raise_event(NobodyCanRead(kind, max(unread), len(unread)))

    def _chosen(self, kind: str, number: int) -> Member | None:
        name = self._places[kind][number]
        return None if name is None else self._placed_for[kind][0][name]

    def _take(self, definition: Definition, number: int) -> None:
        if not self._membership.valid():
            return
        owner = self._view.owners.get((definition.kind, number))
        forced = owner is not None and bool(owner.incarnation)
        if owner is not None and forced:
            if not self._may_force(owner):
                return
            if owner.incarnation != self._membership.incarnation:
                self._view.found_dead(owner.incarnation)
        tenure = Tenure(self._around, self._membership.incarnation, definition, number)
        self._begin(tenure, definition.kind, number, tenure.claim(owner, forced=forced))

    def _return(self, kind: str, number: int) -> None:
        """Release a partition whose key says that this node owns it though it does not: a claim that won the key and failed then, or
        whose answer was lost. Nobody else may take it while this node lives."""
        owner = self._view.owners.get((kind, number))
        if owner is None or (kind, number) in self._returning:
            return
        if owner.incarnation == self._membership.incarnation or owner.incarnation in self._former:
            self._returning.add((kind, number))
            self._spawn(self._release(kind, number, owner))

    async def _release(self, kind: str, number: int, owner: Owner) -> None:
        try:
            await release_key(self._world, kind, number, owner)
        finally:
            self._returning.discard((kind, number))

    def _begin(self, tenure: Tenure, kind: str, number: int, life: Coroutine[Any, Any, None]) -> None:
        self._tenures[kind, number] = tenure
        self._lives[kind, number] = self._spawn(self._hold(tenure, kind, number, life))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        assert self._tasks is not None, "partitions are taken while `run` runs"
        return self._tasks.create_task(work)

    def _may_force(self, owner: Owner) -> bool:
        if owner.incarnation == self._membership.incarnation or owner.incarnation in self._former:
            return True
        if self._view.is_proved(owner.incarnation):
            return True
        if self._world.clock.boottime() < self._patient_until:
            return False
        return self._view.has_ended(owner.incarnation, self._world.settings.lease_ttl)

    async def _hold(self, tenure: Tenure, kind: str, number: int, life: Coroutine[Any, Any, None]) -> None:
        try:
            await life
            if tenure.reason not in ("released", "handed_over"):
                await self._world.clock.sleep(PAUSE)
        finally:
            del self._tenures[kind, number], self._lives[kind, number]
            self._look.set()
