"""The edge's way to the platform: there, or not there yet, or away for now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

from natya.client import Platform, open_platform
from natya.errors import ConfigurationError, NatyaError, Unavailable
from natya.message import Answer
from natya.outcome import Outcome
from natya.ports.events import EventStream
from natya.ref import Options
from natya.settings import Settings
from natya_edge.kinds import Kind, Kinds, Method

RETRY_AFTER: Final = 1.0
_PAUSE: Final = 0.5

_log = logging.getLogger("natya.edge")


class Calls(Protocol):
    """What the edge needs of a `natya.client.Platform`."""

    @property
    def connected(self) -> bool: ...

    @property
    def kinds(self) -> Mapping[str, dict[str, Any]]: ...

    @property
    def event_stream(self) -> EventStream: ...

    async def call(
        self,
        kind: str,
        key: str,
        method: str,
        body: bytes,
        options: Options,
        *,
        caller: str = "",
        traceparent: str = "",
        exclusive: bool = False,
        unserved: Callable[[], None] | None = None,
    ) -> Answer: ...

    async def store(
        self, kind: str, key: str, method: str, body: bytes, options: Options, *, caller: str = "", traceparent: str = ""
    ) -> int: ...

    async def written(self, kind: str, *, timeout: float = 1.0) -> int | None: ...

    async def outcome(self, kind: str, key: str, id: str, *, wait: float = 0.0, timeout: float = 5.0) -> Outcome: ...


class Gateway:
    """Holds the platform while there is one. ``draining`` says that the edge is about to end."""

    def __init__(self) -> None:
        self._calls: Calls | None = None
        self._reason = "not connected to NATS yet"
        self._kinds = Kinds()
        self.draining = False

    def attach(self, calls: Calls) -> None:
        """There is a platform from now on."""
        self._calls = calls

    def detach(self, reason: str) -> None:
        """There is none, and why."""
        self._calls = None
        self._reason = reason

    @property
    def connected(self) -> bool:
        """Whether calls can be sent now."""
        return self._calls is not None and self._calls.connected

    @property
    def trouble(self) -> str:
        """Why the edge is not ready; empty if it is."""
        if self.draining:
            return "the edge is ending"
        if self._calls is None:
            return self._reason
        if not self._calls.connected:
            return "not connected to NATS"
        return "" if self._calls.kinds else "no kinds are deployed"

    @property
    def kinds(self) -> Mapping[str, dict[str, Any]]:
        """Kind → manifest, as far as is known, also while the platform is away for now. Raises `Unavailable` before it was there."""
        if self._calls is None:
            raise Unavailable(self._reason, retry_after=RETRY_AFTER)
        return self._calls.kinds

    def calls(self) -> Calls:
        """The platform. Raises `Unavailable` at once if a call could not be sent now."""
        calls = self._calls
        if calls is None:
            raise Unavailable(self._reason, retry_after=RETRY_AFTER)
        if not calls.connected:
            raise Unavailable("not connected to NATS", retry_after=RETRY_AFTER)
        return calls

    def method(self, calls: Calls, kind: str, name: str) -> Method:
        """Raises `UnknownKind`, `UnknownMethod`."""
        return self._kinds.find_method(calls.kinds, kind, name)

    def kind(self, calls: Calls, name: str) -> Kind:
        """Raises `UnknownKind`."""
        return self._kinds.find(calls.kinds, name)


async def keep_attached(gateway: Gateway, settings: Settings, meanwhile: Callable[[Platform], Awaitable[None]]) -> None:
    """Connect to the platform, trying until it is there, and hold the connection until cancelled. A connection that was there
    once comes back by itself. ``meanwhile`` goes on with it until it is cancelled."""
    said = ""
    while True:
        try:
            async with open_platform(settings, name="natya edge", inbox="_INBOX_edge") as platform:
                _log.info("connected to the platform at NATS")
                gateway.attach(platform)
                try:
                    await meanwhile(platform)
                finally:
                    gateway.detach("the edge is ending")
        except (ConfigurationError, NatyaError) as error:
            gateway.detach("the platform cannot be reached")  # where it was looked for is no stranger's business
            reason = str(error)
            if reason != said:
                _log.warning("no platform yet: %s", reason)
                said = reason
        await asyncio.sleep(_PAUSE)
