"""Noticing that a member has ended, long before its lease does.

**Problem.** A lease of seconds means seconds in which nobody may take what a killed process owned. **Idea.** A process that dies
closes its connection, and then its NATS server answers a request to it with *no responders* in under a millisecond. Each
node probes its two neighbours on a ring of the members connected to its own server, ten times a second: a constant cost
however large the cluster. *No responders* on real traffic probes the owner at once.

**Proof** that a member has ended, after which its partitions may be taken:

1. *No responders* twice, 5 ms apart, to a probe that entered at the very server to which the member says it is connected. That
   server has closed the member's connection, so nothing that the member still sends over it arrives anywhere, and its lease
   is not valid on a new connection until a renewal made there has succeeded.
2. No renewal seen for the time to live, by a node that was connected all that time.

Whoever has proof writes it into the member's key, expecting the revision that it knew *before* it looked. So one of several
suspecting wins; a renewal in the meantime refutes the proof; and the member's own next renewal is refused, by which it learns
that it has ended. The time counts from when the renewal was seen here, which is later than when it was sent, and its sender
stops trusting it a margin earlier.

**Failures.** (a) A time-out proves nothing: hung, slow or cut off waits for the time to live. (b) With the route between two
servers cut, one hears *no responders* while the member on the other is alive and well: only members at the same server are
probed, and a server that restarts has a new name. (c) After a restart of the server its members come back one after another, and
so do the watch's events: no probing for a while after one's own connection was made anew, and no silence counts that began
before it. (d) A node that was stopped and wakes finds everybody silent: what it expects of their keys is old, so its
proof is refused. (e) An expiry is told once, and a watch may miss it: the refusal of the proof leads to a look at the key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from natya.ports.bus import Disconnected, NoReply, NoResponders
from natya.ports.lease import Entry, LeaseUnknown, RevisionConflict
from natya.runtime.membership import REMEMBERED, died, member_key
from natya.runtime.view import View
from natya.runtime.world import World
from natya.telemetry.events import MemberEnded

PROBE_EVERY = 0.1
PROBE_TIMEOUT = 0.05
BETWEEN = 0.005
"""Seconds between the two probes that must both hear *no responders*."""
QUIET = 1.5
"""Seconds without probes after the connection was made anew."""
STAGGER = 0.1
"""Seconds by which the next but one on the ring waits longer before it declares a silent member ended."""


class Detection:
    """Watches over the other members for one incarnation."""

    def __init__(self, world: World, view: View, incarnation: str) -> None:
        self._world = world
        self._view = view
        self._incarnation = incarnation
        self._suspects: set[str] = set()
        self._looking: set[str] = set()
        self._wake = asyncio.Event()
        self._connected_since = world.clock.boottime()
        self._probing_from = 0.0
        self.close = world.bus.on_reconnect(self._reconnected)

    def _reconnected(self) -> None:
        self._connected_since = self._world.clock.boottime()
        self._probing_from = self._connected_since + QUIET

    def suspect(self, kind: str, partition: int) -> None:
        """A call to the owner of this partition heard *no responders*: look at once."""
        owner = self._view.owners.get((kind, partition))
        if owner is not None and owner.incarnation in self._view.members:
            self._suspects.add(owner.incarnation)
            self._wake.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        clock = self._world.clock
        async with asyncio.TaskGroup() as looks:
            while True:
                self._wake.clear()
                suspects, self._suspects = self._suspects, set()
                for incarnation in self._silent():
                    self._looking.add(incarnation)
                    looks.create_task(self._declare(incarnation, self._view.revision(incarnation), "it fell silent"))
                for incarnation in sorted(suspects | neighbours(self._incarnation, self._near())):
                    if self._may_probe(incarnation):
                        self._looking.add(incarnation)
                        looks.create_task(self._look(incarnation))
                try:
                    await clock.wait_for(self._wake.wait(), PROBE_EVERY)
                except TimeoutError:
                    pass

    def _near(self) -> list[str]:
        """The members at this node's server."""
        server = self._world.bus.server
        return [member.incarnation for member in self._view.members.values() if member.server == server]

    def _may_probe(self, incarnation: str) -> bool:
        member = self._view.members.get(incarnation)
        return (
            member is not None
            and self._world.bus.connected
            and member.server == self._world.bus.server
            and incarnation not in self._looking
            and incarnation != self._incarnation
            and self._world.clock.boottime() >= self._probing_from
        )

    async def _look(self, incarnation: str) -> None:
        """Probe twice; what both say decides."""
        since, revision = self._connected_since, self._view.revision(incarnation)
        if await self._answers(incarnation):
            self._looking.discard(incarnation)
            return
        await self._world.clock.sleep(BETWEEN)
        certain = not await self._answers(incarnation) and since == self._connected_since
        self._looking.discard(incarnation)
        if certain and self._may_probe(incarnation):
            self._looking.add(incarnation)
            await self._declare(incarnation, revision, "its connection is closed")
            self._wake.set()  # its neighbour may have ended with it

    async def _answers(self, incarnation: str) -> bool:
        """Whether the member may be there: certain is only that it is not."""
        subject = self._world.subjects.node(incarnation, "probe")
        try:
            await self._world.bus.request(subject, b"", timeout=PROBE_TIMEOUT)
        except NoResponders:
            return False
        except (NoReply, Disconnected):
            return True
        return True

    def _silent(self) -> list[str]:
        """The members that are silent for too long, as far as it is this node's turn to say so."""
        clock, ttl = self._world.clock, self._world.settings.lease_ttl
        if not self._world.bus.connected or clock.boottime() - self._connected_since <= ttl:
            return []
        silent = [i for i in self._view.silent(ttl) if i != self._incarnation and i not in self._looking]
        if not silent:
            return []
        ring = sorted({*self._view.members, self._incarnation})
        place = ring.index(self._incarnation)
        turn = {i: STAGGER * min(10, (place - ring.index(i) - 1) % len(ring)) for i in silent}
        return [i for i in silent if i in self._view.silent(ttl + turn[i])]

    async def _declare(self, incarnation: str, revision: int, why: str) -> None:
        """Write down that the member has ended, if its key is still at this revision; else see what it says."""
        key, value = member_key(incarnation), died(self._world.clock.now_ms())
        try:
            entry = Entry(key, value, await self._world.cluster.put(key, value, expected=revision, ttl=REMEMBERED))
            self._world.telemetry.raise_event(MemberEnded(incarnation, why))
            self._view.apply(entry)
        except RevisionConflict:
            await self._read(incarnation)
        except LeaseUnknown:
            pass
        finally:
            self._looking.discard(incarnation)

    async def _read(self, incarnation: str) -> None:
        try:
            entry = await self._world.cluster.get(member_key(incarnation))
        except LeaseUnknown:
            return
        if entry is None or not entry.value:
            self._view.gone(incarnation)
        else:
            self._view.apply(entry)


def neighbours(incarnation: str, members: Iterable[str]) -> set[str]:
    """The members before and after this one on the ring of their names."""
    ring = sorted({*members, incarnation})
    place = ring.index(incarnation)
    return {ring[place - 1], ring[(place + 1) % len(ring)]} - {incarnation}
