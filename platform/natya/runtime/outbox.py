"""What committed turns send: tells, events, dead letters, results. Sent after the commit, in order, until acknowledged.

Everything is in the journal, so a crash between commit and send loses nothing: whoever recovers the partition sends what the
checkpoint does not cover again. Ids come from the place in the journal, hence a message sent twice is recognised, by the stream's
duplicate window or by the receiver's index. One publish batch is in flight at a time, so order holds.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from natya.errors import NatyaError
from natya.message import ID, MSG_ID, Outgoing
from natya.ports.bus import Disconnected, NoReply, NoResponders, Refused
from natya.runtime.world import World
from natya.telemetry.events import OutgoingRetried

BATCH = 256
REFUSALS = 8
"""How often a refusal or *no stream takes this* is believed to pass by itself: about 30 s with the pauses below."""


class Outbox:
    """The messages of one partition that are committed and not yet acknowledged. ``died`` is told of those that no stream will
    ever take."""

    def __init__(self, world: World, kind: str, partition: int) -> None:
        self._world = world
        self._kind = kind
        self._partition = partition
        self._queue: deque[tuple[int, str, Outgoing]] = deque()
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def oldest(self) -> int | None:
        """The journal sequence of the first message that is not acknowledged."""
        return self._queue[0][0] if self._queue else None

    def put(self, sequence: int, turn: int, outgoing: Sequence[Outgoing]) -> None:
        """The turn numbered ``turn`` of record ``sequence`` is committed and sends these."""
        for number, out in enumerate(outgoing):
            self._queue.append((sequence, f"{self._kind}.{self._partition}.{sequence}.{turn}.{number}", out))
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                await self._send_batch([self._queue[i] for i in range(min(BATCH, len(self._queue)))])

    async def _send_batch(self, batch: list[tuple[int, str, Outgoing]]) -> None:
        pause = 0.02
        refused = 0
        left = batch
        while left:
            outcomes = await asyncio.gather(*(self._send(id, out) for _, id, out in left))
            again = [(entry, outcome) for entry, outcome in zip(left, outcomes, strict=True) if outcome]
            if again and refused >= REFUSALS and all(outcome.startswith("refused") for _, outcome in again):
                for (_, id, out), outcome in again:
                    await self._give_up(id, out, outcome)
                break
            refused += 1 if any(outcome.startswith("refused") for _, outcome in again) else 0
            left = [entry for entry, _ in again]
            if left:
                self._world.telemetry.raise_event(
                    OutgoingRetried(self._kind, self._partition, left[0][2].subject, again[0][1])
                )
                await self._world.clock.sleep(pause)
                pause = min(pause * 2, 5.0)
        for _ in batch:
            self._queue.popleft()

    async def _send(self, id: str, out: Outgoing) -> str:
        """Send one message; empty if that is done, else why it must be sent again."""
        bus = self._world.bus
        try:
            if not out.stored:
                bus.publish(out.subject, out.body, out.headers)
                return ""
            headers = dict(out.headers)
            if out.to:
                headers[ID] = id
            headers.setdefault(MSG_ID, f"{out.to}/{id}" if out.to else id)
            await bus.store(out.subject, out.body, headers, timeout=self._world.settings.append_timeout)
        except (Disconnected, NoReply) as error:
            return f"unknown: {error}"
        except NoResponders:
            return "refused: no stream takes this subject"
        except (Refused, NatyaError) as error:
            return f"refused: {error}"
        return ""

    async def _give_up(self, id: str, out: Outgoing, reason: str) -> None:
        """Store what cannot be delivered as a dead letter, so that the checkpoint can go on and nothing is silently gone."""
        parts = out.subject.split(".")
        subjects = self._world.subjects
        kind, token, method = parts[-3:] if out.to else (self._kind, "undeliverable", "event")
        letter = Outgoing(
            subjects.dead(kind, token, method), out.body, {"Natya-Undeliverable": reason, "Natya-Subject": out.subject}
        )
        while why := await self._send(id, letter):
            self._world.telemetry.raise_event(OutgoingRetried(self._kind, self._partition, letter.subject, why))
            await self._world.clock.sleep(1.0)
