"""Slow fsync: ``strace`` holds up every sync of a process that runs."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from natya.errors import ConfigurationError
from natya_ops.servers.process import Process

CALLS: Final = "fsync,fdatasync"
PATIENCE: Final = 10.0


def why_not() -> str | None:
    """None, or why processes cannot be traced here."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(
        ["strace", "-f", "-o", "/dev/null", "-e", f"inject={CALLS}:delay_enter=1", "true"], capture_output=True, text=True
    )
    return f"strace cannot trace here: {tried.stderr.strip()}" if tried.returncode else None


class SlowSync:
    """The syncs of one process at a time. A process can have only one tracer, so who comes second shares the first one's delay,
    which lasts until both are done."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._wishes = 0
        self._tracer: Process | None = None

    @asynccontextmanager
    async def slowed(self, pid: int, seconds: float) -> AsyncIterator[None]:
        """Every sync takes ``seconds`` longer from entry to exit, or until the process ends. Raises `ConfigurationError` if it
        cannot be traced."""
        self._wishes += 1
        try:
            if self._tracer is None or not self._tracer.running:
                self._tracer = await self._attach(pid, seconds)
            yield
        finally:
            self._wishes -= 1
            if not self._wishes and self._tracer is not None:
                await self._tracer.stop(grace=2.0)
                self._tracer = None

    async def _attach(self, pid: int, seconds: float) -> Process:
        delay = f"inject={CALLS}:delay_enter={round(seconds * 1_000_000)}"
        program = ["strace", "-f", "-q", "-o", "/dev/null", "-e", f"trace={CALLS}", "-e", delay, "-p", str(pid)]
        tracer = await Process.spawn([shutil.which("strace") or "strace", *program[1:]], log=self._log)
        try:
            async with asyncio.timeout(PATIENCE):
                while tracer.running and _tracer_of(pid) != tracer.pid:  # noqa: ASYNC110 - another process has no event
                    await asyncio.sleep(0.02)
        except TimeoutError:
            await tracer.stop(grace=1.0)
            raise ConfigurationError(f"strace has not begun to trace process {pid} within {PATIENCE:.0f} s") from None
        except asyncio.CancelledError:
            await tracer.stop(grace=1.0)
            raise
        if not tracer.running:
            raise ConfigurationError(f"strace cannot trace process {pid}: {tracer.last_words()}")
        return tracer


def _tracer_of(pid: int) -> int:
    """Who traces a process; 0 if nobody does, or it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("TracerPid:")), 0)
