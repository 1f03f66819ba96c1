"""Journals that are full: a limit in bytes on their streams, at which the server refuses appends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import nats
from nats.errors import Error
from nats.js.api import StreamConfig
from nats.js.client import JetStreamContext

from natya.errors import ConfigurationError
from natya.settings import Settings
from natya_ops.configuration import read_settings

ROOM: Final = 600
"""Bytes that are left: less than most records take."""
PATIENCE: Final = 60.0
"""Seconds for which the server may be away: it may be broken otherwise at the same time."""
HURRY: Final = 10.0
"""The same when a run is interrupted."""
PAUSE: Final = 0.2


class FullJournals:
    """The journal streams of the server at ``url``. They are full as long as anybody wants them to be."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._wishes = 0
        self._before: list[StreamConfig] = []

    @asynccontextmanager
    async def filled(self) -> AsyncIterator[None]:
        """Limit every journal stream to what it holds on entry, lift the limits on exit. Raises `ConfigurationError` if the
        server stays away."""
        self._wishes += 1
        patience = PATIENCE
        try:
            if self._wishes == 1:
                await self._insist(self._limit, patience)
            yield
        except BaseException:
            patience = HURRY
            raise
        finally:
            self._wishes -= 1
            if not self._wishes:
                await self._insist(self._lift, patience)

    async def _limit(self, js: JetStreamContext) -> None:
        prefix = f"{read_settings(Settings).namespace}_journal_"
        for info in await js.streams_info():
            if (info.config.name or "").startswith(prefix):
                self._before.append(info.config)
                await js.update_stream(replace(info.config, max_bytes=info.state.bytes + ROOM))

    async def _lift(self, js: JetStreamContext) -> None:
        while self._before:
            await js.update_stream(self._before[-1])
            self._before.pop()

    async def _insist(self, work: Callable[[JetStreamContext], Awaitable[None]], patience: float) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + patience
        while True:
            try:
                connection = await nats.connect(self._url, allow_reconnect=False, connect_timeout=2, error_cb=_quiet)
                try:
                    return await work(connection.jetstream())
                finally:
                    await connection.close()
            except (Error, OSError) as error:
                if loop.time() > end:
                    raise ConfigurationError(f"NATS at {self._url} does not take limits for its streams: {error}") from error
            await asyncio.sleep(PAUSE)


async def _quiet(error: Exception) -> None:
    """What goes wrong is raised by what was wanted."""
