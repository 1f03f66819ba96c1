"""One message alone on its node: nothing else runs while it does.

What ended a process may have done so while others ran beside it. Whoever is run alone is blamed for nothing but its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from natya.clock import Clock
from natya.message import Message

STEP = 0.002

Exempt = Callable[[Message], bool]
"""Which messages a pause does not concern."""


def nobody(message: Message) -> bool:
    """No message is exempt."""
    return False


class Quieted(Protocol):
    """Whatever runs handlers on a node."""

    def pause(self, exempt: Exempt = nobody) -> None:
        """Start nothing more, but for messages that ``exempt`` says yes to."""
        ...

    def resume(self, exempt: Exempt = nobody) -> None:
        """End the pause with this ``exempt``."""
        ...

    def awaited(self, message: Message) -> bool:
        """Whether a handler that runs here waits for this message: it cannot end before."""
        ...

    def busy(self, beside: Message) -> bool:
        """Whether something runs here, or has run and is not committed, other than what waits for ``beside``."""
        ...


class Quiet:
    """Who may run alone on this node. One message at a time; others that want to be alone wait for it. `run` must be running: it
    lets the others go on, and does not when the whole node ends, which would start what is about to be dropped."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._members: list[Quieted] = []
        self._paused: list[Quieted] = []
        self._turn = asyncio.Lock()
        self._over = asyncio.Event()
        self._lone: Message | None = None

    def join(self, member: Quieted) -> None:
        """From now on ``member`` falls silent with the others."""
        self._members.append(member)
        if self._lone is not None:
            self._pause(member)

    def leave(self, member: Quieted) -> None:
        """``member`` runs nothing any more. Does nothing if it has not joined."""
        for members in (self._members, self._paused):
            if member in members:
                members.remove(member)

    def serves(self, message: Message) -> bool:
        """Whether the message is one that another waits for which runs alone, or ends before that can: it may run now."""
        return self._lone is not None and self._awaited(message)

    async def hold(self, message: Message, patience: float) -> bool:
        """Let everything that runs end and be committed, and start nothing but this message until `release`. False if that was
        not reached within ``patience`` seconds: everything goes on then."""
        await self._turn.acquire()
        self._lone = message
        try:
            for member in self._members:
                self._pause(member)
            until = self._clock.boottime() + patience
            while any(member.busy(message) for member in self._members):
                if self._clock.boottime() >= until:
                    self.release(message)
                    return False
                await self._clock.sleep(STEP)
        except asyncio.CancelledError:
            self.release(message)
            raise
        return True

    def release(self, message: Message) -> None:
        """Let the others go on, if it is this message that they wait for."""
        if self._lone is message:
            self._lone = None
            self._over.set()

    async def run(self) -> None:
        """Let the others go on whenever a message has been alone for long enough, until cancelled."""
        while True:
            await self._over.wait()
            self._over.clear()
            paused, self._paused = self._paused, []
            for member in paused:
                member.resume(self._exempt)
            self._turn.release()

    def _pause(self, member: Quieted) -> None:
        member.pause(self._exempt)
        self._paused.append(member)

    def _exempt(self, message: Message) -> bool:
        return message is self._lone or self._awaited(message)

    def _awaited(self, message: Message) -> bool:
        return bool(message.chain) and any(member.awaited(message) for member in self._members)
