"""One actor in memory."""

from __future__ import annotations

import asyncio
from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Any

from natya.message import Message
from natya.runtime.turn import Turn

if TYPE_CHECKING:
    from natya.runtime.query import Query


class Phase(Enum):
    """Where an activation is in its life."""

    LOADING = 1
    """Its state is being read; what arrives waits."""
    READY = 2
    """It can run turns."""
    GONE = 3
    """It has left memory: whoever still holds it must ask the catalog again."""


class Activation:
    """One actor in memory: its state, what waits for it, and what it is doing. No task and no queue of its own while idle.

    ``frozen`` is the state's JSON at the end of the last turn, ``version`` and ``mail`` are as of then too; ``tail`` is the
    last turn while it is not yet committed. ``view`` is the parsed copy that queries of the present version share. Once it is
    written to the store an idle actor rests: ``frozen`` is all there is of its state, which `Performer` parses for its next turn.
    """

    __slots__ = (
        "actor",
        "awaiting",
        "frozen",
        "mail",
        "mailbox",
        "phase",
        "queries",
        "running",
        "tail",
        "task",
        "token",
        "used",
        "version",
        "view",
    )

    def __init__(self, token: str) -> None:
        self.token = token
        self.phase = Phase.LOADING
        self.actor: Any = None
        self.frozen: bytes | None = None
        self.version = 0
        self.mail = 0
        self.used = 0.0
        self.mailbox: deque[Turn] | None = None
        self.queries: list[Query] | None = None
        self.running: Turn | None = None
        self.awaiting: str = ""
        self.tail: Turn | None = None
        self.view: Any = None
        self.task: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        """Nothing runs, waits or is uncommitted."""
        return (
            self.phase is Phase.READY
            and self.task is None
            and self.running is None
            and not self.mailbox
            and not self.queries
            and self.tail is None
        )

    def rest(self) -> None:
        """Keep the state as text alone, if nothing needs it otherwise now."""
        if self.idle:
            self.actor.state = self.view = None

    @property
    def depth(self) -> int:
        """Turns that wait."""
        return len(self.mailbox) if self.mailbox else 0

    def messages(self) -> list[Message]:
        """What waits, queries too."""
        return [each.message for waiting in (self.mailbox, self.queries) for each in waiting or ()]

    def put(self, turn: Turn) -> None:
        """Behind everything that waits already."""
        if self.mailbox is None:
            self.mailbox = deque()
        self.mailbox.append(turn)

    def take_mail(self) -> list[Turn]:
        """Remove and return the stored messages that wait: they will be read again."""
        if not self.mailbox:
            return []
        mail = [turn for turn in self.mailbox if turn.message.mail]
        if mail:
            self.mailbox = deque(turn for turn in self.mailbox if not turn.message.mail)
        return mail
