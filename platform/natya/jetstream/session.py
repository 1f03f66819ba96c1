"""Everything of NATS behind one `async with`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from natya.jetstream.bus import JetStreamBus
from natya.jetstream.connection import Connection
from natya.jetstream.dial import connect
from natya.jetstream.events import JetStreamEvents
from natya.jetstream.journal import JetStreamJournal
from natya.jetstream.mail import JetStreamMail
from natya.jetstream.registry import JetStreamRegistry
from natya.jetstream.streams import ensure_kind, ensure_platform
from natya.names import Subjects
from natya.settings import Settings


@dataclass(frozen=True, slots=True)
class JetStream:
    """One connection and what stands on it."""

    connection: Connection
    subjects: Subjects
    bus: JetStreamBus
    journal: JetStreamJournal
    mail: JetStreamMail
    events: JetStreamEvents
    replicas: int

    def registry(self, bucket: str) -> JetStreamRegistry:
        """The bucket of that name; `ensure_platform` makes those that `Subjects` names."""
        return JetStreamRegistry(self.connection, bucket)

    async def ensure_platform(self) -> None:
        """Make or check what all kinds share. Raises `ConfigurationError`."""
        await ensure_platform(self.connection, self.subjects, self.replicas)

    async def ensure_kind(self, kind: str, partitions: int) -> None:
        """Make or check the streams of a kind. Raises `ConfigurationError`."""
        await ensure_kind(self.connection, self.subjects, kind, partitions, self.replicas)


@asynccontextmanager
async def open_jetstream(settings: Settings, *, name: str, inbox: str = "") -> AsyncIterator[JetStream]:
    """Connect; ``name`` is how the server's monitoring shows the connection. Raises `ConfigurationError` if that fails within
    some seconds. Streams are neither made nor checked yet."""
    connection = await connect(
        settings.nats,
        name=name,
        user=settings.nats_user,
        password=settings.nats_password.get_secret_value(),
        ca=settings.nats_ca,
        inbox=inbox or settings.nats_inbox,
    )
    try:
        subjects = Subjects(settings.namespace)
        yield JetStream(
            connection,
            subjects,
            JetStreamBus(connection),
            JetStreamJournal(connection, subjects, timeout=settings.append_timeout),
            JetStreamMail(connection, subjects),
            JetStreamEvents(connection, subjects),
            settings.replicas,
        )
    finally:
        await connection.close()
