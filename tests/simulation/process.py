"""Who a callback belongs to: a node, a client, the server. What is stopped or killed is one of these."""

from __future__ import annotations

from asyncio import Handle
from collections import deque
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from enum import Enum
from typing import Final


class State(Enum):
    RUNNING = 1
    STOPPED = 2
    """Nothing of it runs; what becomes ready waits, and its timers go on: SIGSTOP."""
    DEAD = 3
    """Nothing of it will ever run again: SIGKILL."""


class Process:
    """A queue of callbacks. Whatever is scheduled within `context` goes into it, and so on for ever. ``active`` says whether
    the loop has it among those that may go on."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = State.RUNNING
        self.ready: deque[Handle] = deque()
        self.active = False
        self.steps = 0
        self.doomed = NEVER
        self._die: Callable[[], None] = lambda: None
        self.context: Context = copy_context()
        self.context.run(PROCESS.set, self)

    def doom(self, steps: int, die: Callable[[], None]) -> None:
        """Call ``die`` after so many further steps."""
        self.doomed, self._die = self.steps + steps, die

    def die(self) -> None:
        """Its time has come."""
        self.doomed = NEVER
        self._die()


NEVER: Final = 1 << 60
PROCESS: Final[ContextVar[Process]] = ContextVar("process")
