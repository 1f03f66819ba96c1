"""Children that start together, are started again when they end, and stop together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Final, Protocol, Self

from natya.errors import ConfigurationError
from natya_ops.servers.base import Child


class Reports(Protocol):
    """Who hears what happens to children."""

    def ended(self, child: Child, code: int) -> None:
        """``child`` ended by itself, or was killed; it will be started again."""

    def restarted(self, child: Child) -> None:
        """``child`` is ready again."""

    def failed(self, child: Child, reason: str) -> None:
        """``child`` could not be started again; that will be tried again."""


class Patience:
    """How long to wait before a child is started again, so that one that cannot live does not take the machine.

    Not at all after a life of at least `LONG` seconds, nor after the first short one; then 0.25 s, doubling up to 5 s.
    """

    LONG: Final = 2.0
    FIRST: Final = 0.25
    MOST: Final = 5.0

    def __init__(self) -> None:
        self._short = 0

    def after(self, life: float) -> float:
        """The seconds to wait after a life of ``life`` seconds; a start that failed is a life of 0."""
        self._short = 0 if life >= self.LONG else self._short + 1
        return 0.0 if self._short <= 1 else min(self.MOST, self.FIRST * 2 ** min(self._short - 2, 10))


async def _at_once(child: Child) -> None:
    return


class Group:
    """Children that are started at the same time and kept running: ``async with Group(children, reports): …``.

    On entry all are started; if one cannot be, the others are stopped and its `ConfigurationError` is raised. On exit
    the supervision ends first, then all children are stopped at the same time, each given ``grace`` seconds, or what is usual for
    it. ``permit`` is awaited before a child is started again.
    """

    def __init__(
        self,
        children: Sequence[Child],
        reports: Reports,
        *,
        permit: Callable[[Child], Awaitable[object]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._children = children
        self._reports = reports
        self._permit = permit or _at_once
        self._clock = clock
        self._keepers: list[asyncio.Task[None]] = []
        self.grace: float | None = None

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.TaskGroup() as starting:
                for child in self._children:
                    starting.create_task(child.start(), name=f"start {child.name}")
        except BaseExceptionGroup as failures:
            await self._stop()
            raise failures.exceptions[0] from None
        except BaseException:
            await self._stop()
            raise
        self._keepers = [asyncio.create_task(self._keep(c), name=f"keep {c.name}") for c in self._children]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        results = await asyncio.gather(*self._keepers, return_exceptions=True)
        await self._stop()
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _stop(self) -> None:
        await asyncio.gather(*[child.stop(self.grace) for child in self._children])

    async def _keep(self, child: Child) -> None:
        patience = Patience()
        since = self._clock()
        while True:
            code = await child.wait()
            self._reports.ended(child, code)
            wait = patience.after(self._clock() - since)
            while True:
                await asyncio.sleep(wait)
                await self._permit(child)
                try:
                    await child.start()
                except (ConfigurationError, OSError) as error:
                    self._reports.failed(child, str(error))
                    wait = patience.after(0.0)
                else:
                    break
            since = self._clock()
            self._reports.restarted(child)
