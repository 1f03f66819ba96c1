"""``natya up`` with a proxy on every line between its processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Final

from natya_ops.chaos.ground.network import Wires, lay_wires, surroundings
from natya_ops.chaos.ground.processes import Processes
from natya_ops.servers.base import Child
from natya_ops.up.platform import Options, Platform
from natya_ops.up.programs import Edge
from natya_ops.up.reports import Ready
from natya_ops.up.supervision import Group

ABANDONED: Final = 1.0
"""Seconds for a process of a platform that nobody needs any more to end by itself."""


class Told:
    """The display of a platform that somebody else speaks for: each happening is one line."""

    def __init__(self, hear: Callable[[str], None]) -> None:
        self._hear = hear

    def starting(self, what: str) -> None:
        self._hear(f"starting {what}")

    def ready(self, ready: Ready) -> None:
        self._hear("the platform is ready")

    def ended(self, child: Child, code: int) -> None:
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        self._hear(f"{child.name} {how} (pid {child.pid})")

    def restarted(self, child: Child) -> None:
        self._hear(f"{child.name} runs again (pid {child.pid})")

    def failed(self, child: Child, reason: str) -> None:
        self._hear(f"{child.name} could not be started: {reason}")

    def stopping(self) -> None:
        self._hear("ending the platform")

    def stopped(self) -> None:
        self._hear("the platform has ended")

    def close(self) -> None:
        """Lines need no end."""


class WiredPlatform(Platform):
    """A platform whose workers and edge have `wires` of their own, by name. These live as long as ``stack``, which must not end
    before the platform. ``environment`` is added to that of the workers."""

    def __init__(
        self, options: Options, hear: Callable[[str], None], environment: Mapping[str, str], stack: AsyncExitStack
    ) -> None:
        super().__init__(replace(options, http_port=0, nats_port=0, store_port=0), Told(hear))
        self._extra = dict(environment)
        self._stack = stack
        self._groups: list[Group] = []
        self.wires: dict[str, Wires] = {}
        self.processes = Processes(self.folder)

    async def surroundings(self, name: str) -> dict[str, str]:
        self.wires[name] = wires = await lay_wires(self._stack, self.nats, self.store)
        extra = {} if name == Edge.role else self._extra
        return {**surroundings(wires, self.nats, self.store), **extra}

    def _group(self, *children: Child) -> Group:
        for child in children:
            child.spawned = self.folder.record
        group = Group(children, self._display, permit=lambda child: self.processes.may_start(child.name))
        self._groups.append(group)
        return group

    def abandon(self) -> None:
        """End in a second what is about to be ended: nobody needs it any more. What is broken, NATS on a full disk for one, could
        keep workers from handing over for as long as they may take."""
        for group in self._groups:
            group.grace = ABANDONED
