"""The processes of a platform as signals reach them, whoever started them: by the pids recorded in its data folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final, TypeVar

from natya.errors import ConfigurationError
from natya_ops.data_folder import DataFolder

POLL: Final = 0.02
"""Seconds between two looks at a process of somebody else."""
PATIENCE: Final = 90.0
"""Seconds after which a process that should have been started again is given up on."""

T = TypeVar("T")


class Processes:
    """Processes by name: ``nats``, ``store``, ``edge``, ``worker-1``, …

    What several have stopped or keep down goes on when the last of them lets go.
    """

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._asked_to_end: set[tuple[str, int]] = set()
        self._stopped: Counter[tuple[str, int]] = Counter()
        self._down: Counter[str] = Counter()
        self._raised = asyncio.Event()  # set and cleared at once whenever one need no longer be down

    @property
    def names(self) -> Sequence[str]:
        """All that were ever started."""
        return self._folder.names()

    def pid(self, name: str) -> int | None:
        """The process that runs now, if one does."""
        return self._folder.pid_of(name)

    async def living(self, name: str) -> int:
        """The process that runs now; wait for it if it is just being started. Raises `ConfigurationError`."""

        async def now() -> int | None:
            return self.pid(name)

        return await _until(now, f"{name} does not run, and is not started again")

    async def successor(self, name: str, pid: int) -> int:
        """Wait until ``pid`` has ended and another runs in its place. Raises `ConfigurationError`."""

        async def other() -> int | None:
            now = self.pid(name)
            return None if now == pid else now

        return await _until(other, f"{name} (pid {pid}) has not ended, or is not started again")

    async def listens(self, name: str, host: str, port: int) -> None:
        """Wait until somebody takes connections there. Raises `ConfigurationError`."""

        async def connected() -> bool | None:
            try:
                _, writer = await asyncio.open_connection(host, port)
            except OSError:
                return None
            writer.close()
            return True

        await _until(connected, f"{name} does not listen on port {port}")

    def send(self, name: str, number: signal.Signals) -> int | None:
        """Send a signal to the process that runs now; its pid, or None if none does."""
        pid = self.pid(name)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return pid

    def terminate(self, name: str) -> None:
        """SIGTERM, once to each process: a second one would end a worker that drains at once."""
        pid = self.pid(name)
        if pid is not None and (name, pid) not in self._asked_to_end:
            self._asked_to_end.add((name, pid))
            self.send(name, signal.SIGTERM)

    @contextmanager
    def stopped(self, name: str) -> Iterator[None]:
        """SIGSTOP on entry, SIGCONT on exit to that same process, if it still exists then."""
        pid = self.send(name, signal.SIGSTOP)
        if pid is None:
            yield
            return
        self._stopped[name, pid] += 1
        try:
            yield
        finally:
            self._stopped[name, pid] -= 1
            if not self._stopped[name, pid] and self.pid(name) == pid:
                self.send(name, signal.SIGCONT)

    @asynccontextmanager
    async def down(self, name: str) -> AsyncIterator[None]:
        """SIGKILL on entry; it is not started again before the exit, which waits until it is. The supervision must ask
        `may_start`."""
        self._down[name] += 1
        try:
            self.send(name, signal.SIGKILL)
            yield
        finally:
            self._down[name] -= 1
            self._raised.set()
            self._raised.clear()
        await self.living(name)

    async def may_start(self, name: str) -> None:
        """Wait until nobody keeps ``name`` down."""
        while self._down[name]:
            await self._raised.wait()


async def _until(probe: Callable[[], Awaitable[T | None]], failure: str) -> T:
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE
    while (found := await probe()) is None:
        if loop.time() > end:
            raise ConfigurationError(f"{failure} within {PATIENCE:.0f} s")
        await asyncio.sleep(POLL)
    return found
