"""The programs of Natya that ``natya up`` runs beside the servers: workers and the edge."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from io import FileIO
from pathlib import Path

from natya_ops.servers.base import Child, Server
from natya_ops.servers.ports import HOST
from natya_ops.servers.process import Process

NATYA = (sys.executable, "-m", "natya_ops")


class Worker(Child):
    """``natya worker``. It is ready when it says so: one line ``{"event": "ready", …}`` on its standard output.

    Whatever else it or an actor prints goes to the log.
    """

    role = "worker"
    grace = 25.0  # more than a drain may take

    def __init__(self, name: str, log: Path, *, program: Sequence[str], environment: Mapping[str, str]) -> None:
        super().__init__(name, log)
        self._program = program
        self._environment = {**environment, "NATYA_NODE": name}
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        process = await self._spawn(self._program, env=self._environment, piped=True)
        ready = asyncio.Event()
        self._reader = asyncio.create_task(self._read(process, ready), name=f"output of {self.name}")
        if not await self._becomes_ready(process, _until(ready)):
            raise await self._ended_early(process)

    async def wait(self) -> int:
        code = await super().wait()
        await self._output_read()
        return code

    async def stop(self, grace: float | None = None) -> None:
        await super().stop(grace)
        await self._output_read()

    async def _output_read(self) -> None:
        if self._reader is not None:
            await asyncio.wait([self._reader])

    async def _read(self, process: Process, ready: asyncio.Event) -> None:
        with self.log.open("ab", buffering=0) as log:
            while not ready.is_set() and (line := await _line(process.output)):
                if _says_ready(line):
                    ready.set()
                else:
                    _write(log, line)
            while chunk := await process.output.read(65_536):
                _write(log, chunk)


class Edge(Server):
    """``natya edge`` on ``port``; ready when ``/readyz`` says so."""

    role = "edge"

    def __init__(
        self, data: Path, port: int, *, log: Path, program: Sequence[str], environment: Mapping[str, str], host: str = HOST
    ) -> None:
        super().__init__(data, port, log=log, host=host)
        self._command = program
        self._shared = environment

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def _program(self, port: int) -> Sequence[str]:
        return self._command

    def _environment(self, port: int) -> Mapping[str, str]:
        return {**self._shared, "NATYA_EDGE_HOST": self.host, "NATYA_EDGE_PORT": str(port)}

    async def _answers(self, port: int, pid: int) -> bool:
        try:
            return await _status(self.host, port, "/readyz") == 200
        except (OSError, TimeoutError):
            return False


def _write(log: FileIO, text: bytes) -> None:
    with contextlib.suppress(OSError):  # a full disk must not block the worker at its next print
        log.write(text)


async def _until(event: asyncio.Event) -> None:
    await event.wait()


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next line, or the part of an overlong one that is there."""
    try:
        return await stream.readline()
    except ValueError:
        return await stream.read(65_536)


def _says_ready(line: bytes) -> bool:
    if not line.startswith(b"{"):
        return False
    try:
        said = json.loads(line)
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("event") == "ready"


async def _status(host: str, port: int, path: str) -> int:
    """The status with which an HTTP server answers a GET. 0 for what is no answer. Raises `OSError`, `TimeoutError`."""
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
            words = (await reader.readline()).split()
        finally:
            writer.close()
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
