"""One child process: its log file, its end, and its identity beyond its pid."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from natya.errors import ConfigurationError

LOG_LIMIT: Final = 16 << 20
"""A log file larger than this many bytes is set aside as ``<name>.1`` when its process starts again."""

_TETHER: Final = str(Path(__file__).with_name("tether.py"))


def find_program(name: str, remedy: str) -> str:
    """The full path of ``name``: beside this Python, else on PATH. Raises `ConfigurationError` with ``remedy``."""
    beside = Path(sys.executable).parent / name
    if beside.is_file() and os.access(beside, os.X_OK):
        return str(beside)
    if found := shutil.which(name):
        return os.path.abspath(found)
    raise ConfigurationError(f"the program {name} is missing: {remedy}")


def make_folder(path: Path) -> Path:
    """Create ``path`` with its parents if need be. Raises `ConfigurationError` unless it can be written to."""
    probe = path / f".probe-{os.getpid()}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigurationError(f"cannot write to the folder {path}: {reason}; choose another with --data") from error
    return path.resolve()


def start_time(pid: int) -> int | None:
    """When ``pid`` was started, in clock ticks since boot; None if there is no such process, or it only waits to be reaped.

    A pid is used again after a while; pid and start time together name one process (proc(5), field 22 of ``stat``).
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name in front may hold spaces and brackets
    return None if fields[0] in "ZX" else int(fields[19])


def _open_log(log: Path) -> BinaryIO:
    with contextlib.suppress(OSError):
        if log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_name(log.name + ".1"))
    return log.open("ab")


class Process:
    """A running child, killed with its parent. Its standard error, and its output unless piped, go to a log file."""

    def __init__(self, child: asyncio.subprocess.Process, log: Path) -> None:
        self._child = child
        self.log = log
        self.started = start_time(child.pid)

    @classmethod
    async def spawn(
        cls, program: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None, piped: bool = False
    ) -> Process:
        """Start ``program``, ``env`` added to this process's environment. With ``piped`` the caller reads `output`.

        The child gets a session of its own: Ctrl-C reaches the supervisor alone, which then ends all in order.
        """
        with _open_log(log) as file:
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", _TETHER, str(os.getpid()), *program,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if piped else file,
                stderr=file,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )  # fmt: skip
        return cls(child, log)

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.returncode is None

    @property
    def output(self) -> asyncio.StreamReader:
        """Standard output (only if `spawn` was told to pipe it): must be read, or the child blocks when it is full."""
        assert self._child.stdout is not None
        return self._child.stdout

    async def wait(self) -> int:
        """Wait for the end; the exit code, negative for the signal that ended it."""
        return await self._child.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens if the process has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._child.send_signal(number)

    async def stop(self, grace: float = 10.0) -> int:
        """SIGTERM; SIGKILL after ``grace`` seconds, or at once if the caller is cancelled. The exit code."""
        self.signal(signal.SIGTERM)
        try:
            return await asyncio.wait_for(self.wait(), grace)
        except TimeoutError:
            pass
        finally:
            if self.running:
                self.signal(signal.SIGKILL)
        return await self.wait()

    def last_words(self) -> str:
        """The last line of the log, for an error message: a server's reason to end, a traceback's exception."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - 4096))
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")
