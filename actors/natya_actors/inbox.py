"""An inbox: collects notes that are told to it, and publishes an event for each."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from natya import Actor, command, query

KEPT = 100
"""Notes that an inbox keeps: a state is written as a whole, so it must not grow without end."""


class Note(BaseModel):
    number: int
    text: str
    sender: str
    at: datetime


class InboxState(BaseModel):
    received: int = 0
    notes: list[Note] = []


class Received(BaseModel):
    received: int


class Inbox(Actor[InboxState], owner="sub"):
    """Someone's inbox. Tell it a note and go on: the note is stored before the tell is acknowledged.

    Anyone may put notes in, and learns how many came so far; only the owner reads them.
    """

    @command(anyone=True)
    async def deliver(self, text: Annotated[str, Field(min_length=1, max_length=1_000)]) -> Received:
        """Add a note, and emit `delivered`; only the newest notes are kept."""
        state = self.state
        state.received += 1
        note = Note(number=state.received, text=text, sender=self.caller, at=self.now)
        state.notes = [*state.notes, note][-KEPT:]
        self.emit("delivered", note)
        return Received(received=state.received)

    @query
    async def newest(self, limit: Annotated[int, Field(ge=1, le=KEPT)] = 10) -> list[Note]:
        """The newest notes, newest first."""
        return self.state.notes[: -limit - 1 : -1]

    @query
    async def received(self) -> Received:
        """How many notes ever came."""
        return Received(received=self.state.received)
