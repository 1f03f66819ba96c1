"""Trouble made to order: faults by rule, a store that can be held, and a process that can be stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeVar

from natya.memory import Faults, ManualClock, MemorySnapshots
from natya.ports.snapshots import Snapshot, Written

T = TypeVar("T")


@dataclass
class Rule:
    """What happens to what passes on connections and subjects of these patterns, ``times`` times (None: always).
    ``delay`` in seconds, None loses it. ``seen`` counts."""

    connection: str
    subject: str
    delay: float | Callable[[], float] | None
    times: int | None = None
    seen: int = 0

    def takes(self, connection: str, subject: str) -> bool:
        if self.times == 0 or not fnmatchcase(connection, self.connection) or not fnmatchcase(subject, self.subject):
            return False
        self.seen += 1
        if self.times is not None:
            self.times -= 1
        return True


class Trouble(Faults):
    """Faults by rule, the first that takes a thing decides. Ways are ``sent`` (to the server) and ``delivered``."""

    def __init__(self) -> None:
        self.sent: list[Rule] = []
        self.delivered: list[Rule] = []
        self.full_for = ""

    def lose_sent(self, connection: str, subject: str, times: int | None = None) -> Rule:
        return _added(self.sent, Rule(connection, subject, None, times))

    def delay_sent(self, connection: str, subject: str, delay: float, times: int | None = None) -> Rule:
        return _added(self.sent, Rule(connection, subject, delay, times))

    def lose_delivered(self, connection: str, subject: str, times: int | None = None) -> Rule:
        return _added(self.delivered, Rule(connection, subject, None, times))

    def delay_delivered(self, connection: str, subject: str, delay: float, times: int | None = None) -> Rule:
        return _added(self.delivered, Rule(connection, subject, delay, times))

    def stop(self, connection: str, clock: StoppableClock, seconds: float) -> None:
        """Stop the process that has this connection and clock, as SIGSTOP does, and let it go on after ``seconds``."""
        clock.stop(seconds)
        self.sent.append(Rule(connection, "*", clock.stopped))
        self.delivered.append(Rule(connection, "*", clock.stopped))

    def clear(self) -> None:
        """No trouble from now on."""
        self.sent.clear()
        self.delivered.clear()
        self.full_for = ""

    def sending(self, connection: str, subject: str) -> float | None:
        return _judge(self.sent, connection, subject)

    def delivering(self, connection: str, subject: str) -> float | None:
        return _judge(self.delivered, connection, subject)

    def full(self, subject: str) -> bool:
        return bool(self.full_for) and fnmatchcase(subject, self.full_for)


def _added(rules: list[Rule], rule: Rule) -> Rule:
    rules.append(rule)
    return rule


def _judge(rules: list[Rule], connection: str, subject: str) -> float | None:
    for rule in rules:
        if rule.takes(connection, subject):
            return rule.delay() if callable(rule.delay) else rule.delay
    return 0.0


class HeldSnapshots(MemorySnapshots):
    """A store whose loads and writes wait while ``loads`` or ``writes`` is cleared. ``loaded`` and ``written`` count calls."""

    def __init__(self) -> None:
        super().__init__()
        self.loads = asyncio.Event()
        self.writes = asyncio.Event()
        self.loads.set()
        self.writes.set()
        self.loaded = 0
        self.written: list[Snapshot] = []

    async def load(self, kind: str, keys: Collection[str], *, after: str = "") -> dict[str, Snapshot]:
        self.loaded += 1
        found = await super().load(kind, keys, after=after)
        await self.loads.wait()
        return found

    async def write(self, kind: str, snapshots: Sequence[Snapshot]) -> Written:
        await self.writes.wait()
        self.written += snapshots
        return await super().write(kind, snapshots)


class StoppableClock:
    """The clock of one process that can be stopped like by SIGSTOP: what sleeps then wakes after it goes on; or of a machine
    that is suspended."""

    def __init__(self, base: ManualClock) -> None:
        self._base = base
        self._until = 0.0
        self._suspended = 0.0

    def stop(self, seconds: float) -> None:
        self._until = self._base.boottime() + seconds

    def stopped(self) -> float:
        """For how many seconds it is still stopped."""
        return max(0.0, self._until - self._base.boottime())

    def suspend(self, seconds: float) -> None:
        """Time passes, and nothing has run meanwhile."""
        self._suspended += seconds

    def now_ms(self) -> int:
        return self._base.now_ms() + round(self._suspended * 1000)

    def boottime(self) -> float:
        return self._base.boottime() + self._suspended

    async def sleep(self, seconds: float) -> None:
        await self._base.sleep(seconds)
        while left := self.stopped():
            await self._base.sleep(left)

    async def wait_for(self, awaitable: Awaitable[T], seconds: float) -> T:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as limit:

            async def fire() -> None:
                await self.sleep(max(seconds, 0.0))
                limit.reschedule(loop.time())

            timer = asyncio.create_task(fire())
            try:
                return await awaitable
            finally:
                timer.cancel()
