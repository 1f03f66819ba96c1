"""What children and servers have in common: starting until ready, being started again, staying on one port, ending."""

from __future__ import annotations

import asyncio
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, Self

from natya.errors import ConfigurationError
from natya_ops.servers.ports import HOST, free_port
from natya_ops.servers.process import Process, make_folder

POLL: Final = 0.02
"""Seconds between two looks at a server that is starting."""


class Child(ABC):
    """A program that is run as a child. ``async with`` it, or `start` and `stop` it; it may be started again after its end.

    Starting returns when it is ready, and raises `ConfigurationError` if it ends before or takes too long. ``spawned``
    is called with each new process before anybody waits for it to be ready.
    """

    role: ClassVar[str]
    """What it is: ``nats``, ``store``, ``worker`` or ``edge``."""
    grace: ClassVar[float] = 10.0
    """Seconds it may take to end after SIGTERM."""
    patience: ClassVar[float] = 60.0
    """Seconds that a start may take: recovering much data is slow, and a wrong set-up ends the process anyway."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self.spawned: Callable[[Child], None] = lambda child: None
        self._process: Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def process(self) -> Process:
        """The process of the latest start."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    @abstractmethod
    async def start(self) -> None:
        """Start and return when it is ready."""

    async def wait(self) -> int:
        """Wait for the end of the process; its exit code, negative for the signal that ended it."""
        return await self.process.wait()

    async def stop(self, grace: float | None = None) -> None:
        """SIGTERM, then SIGKILL after ``grace`` seconds. Stopping what has ended does nothing."""
        if self._process is not None:
            await self._process.stop(self.grace if grace is None else grace)

    async def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self.process.signal(signal.SIGKILL)
        await self.wait()

    async def _spawn(self, program: Sequence[str], *, env: Mapping[str, str] | None = None, piped: bool = False) -> Process:
        if self._process is not None and self._process.running:
            raise RuntimeError(f"{self.name} runs already")
        self._process = await Process.spawn(program, log=self.log, env=env, piped=piped)
        self.spawned(self)
        return self._process

    async def _becomes_ready(self, process: Process, ready: Coroutine[None, None, None]) -> bool:
        """True once ``ready`` has returned, False if the process ended before. Raises `ConfigurationError` when it is late."""
        answer = asyncio.create_task(ready, name=f"{self.name} ready")
        end = asyncio.create_task(process.wait(), name=f"{self.name} end")
        try:
            await asyncio.wait([answer, end], timeout=self.patience, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                await answer
                return True
            if end.done():
                return False
            raise ConfigurationError(
                f"{self.name} was not ready within {self.patience:.0f} s (log: {process.log}): {process.last_words()}"
            )
        except BaseException:
            await process.stop(grace=2.0)
            raise
        finally:
            answer.cancel()
            end.cancel()
            await asyncio.wait([answer, end])

    async def _ended_early(self, process: Process) -> ConfigurationError:
        code = await process.wait()
        reason = process.last_words() or "it said nothing"
        return ConfigurationError(f"{self.name} ended with code {code} before it was ready (log: {process.log}): {reason}")


class Server(Child):
    """A server on ``host``, loopback if nothing is said. ``data`` is a folder of its own.

    With ``port`` 0 a free port is chosen at the first start; later starts keep it.
    """

    def __init__(self, data: Path, port: int = 0, *, log: Path | None = None, host: str = HOST) -> None:
        super().__init__(self.role, log or data / f"{self.role}.log")
        self.data = data
        self.host = host
        self.port = port

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients connect."""

    async def start(self) -> None:
        """Start and return when the server answers."""
        self.data = make_folder(self.data)
        for last in (False, False, False, True):
            port = self.port or free_port(self.host)
            process = await self._spawn(self._program(port), env=self._environment(port))
            if await self._becomes_ready(process, self._answer(port, process.pid)):
                self.port = port
                return
            if self.port or last:  # a port chosen here may have been taken since: then it is tried with another
                raise await self._ended_early(process)

    @abstractmethod
    def _program(self, port: int) -> Sequence[str]:
        """The command, its configuration written."""

    def _environment(self, port: int) -> Mapping[str, str]:
        """What the command finds in its environment."""
        return {}

    @abstractmethod
    async def _answers(self, port: int, pid: int) -> bool:
        """Whether the process ``pid`` itself is ready to serve on ``port``; asked again and again while it starts."""

    async def _answer(self, port: int, pid: int) -> None:
        while not await self._answers(port, pid):  # noqa: ASYNC110 - another process has no event to wait for
            await asyncio.sleep(POLL)
