"""The data folder of ``natya up``: who uses it, and what was left running in it.

==================  ==============================================================
``lock``            locked while a ``natya up`` uses the folder
``processes.json``  pid and start time of every child, for the next start
``ready.json``      where everything is, while a ``natya up`` is ready: how other commands find it
``keys/``           keys that sign bearer tokens, readable by their owner
``dev.secret``      secret of the client for development, readable by its owner
``nats/``           configuration, log and JetStream data of the NATS server
``store/``          files of the store
``logs/``           one file for each process
==================  ==============================================================
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from natya.errors import ConfigurationError
from natya_ops.servers.base import Child
from natya_ops.servers.process import make_folder, start_time

END_LIMIT: Final = 10.0
"""Seconds that a process left behind may take to end after SIGKILL."""


@dataclass(frozen=True, slots=True)
class Left:
    """A child as it was recorded. ``started`` is in clock ticks since boot."""

    name: str
    pid: int
    started: int


class DataFolder:
    """One data folder. Looking into it needs no more; a ``natya up`` takes it with `locked` first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._children: dict[str, Child] = {}

    @property
    def nats(self) -> Path:
        return self.path / "nats"

    @property
    def store(self) -> Path:
        return self.path / "store"

    @property
    def keys(self) -> Path:
        return self.path / "keys"

    def log(self, name: str) -> Path:
        """The log file of the process ``name``."""
        return make_folder(self.path / "logs") / f"{name}.log"

    @contextlib.contextmanager
    def locked(self) -> Generator[None]:
        """Use the folder alone; at the end all children have been stopped. Raises `ConfigurationError` if another ``natya up`` does, or it cannot be written to."""
        make_folder(self.path)
        with (self.path / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ConfigurationError(
                    f"another natya up runs on {self.path}: end it first, or choose another folder with --data"
                ) from None
            try:
                yield
            finally:
                self._ready_file.unlink(missing_ok=True)
                self._children.clear()
                self._write(())

    def announce(self, **where: str) -> None:
        """Tell other commands that all is ready, and ``where`` it is, until this process ends."""
        _replace(self._ready_file, {**where, "pid": os.getpid(), "started": start_time(os.getpid())})

    def running(self) -> dict[str, str] | None:
        """What the ``natya up`` that is ready on this folder has announced; None if there is none."""
        try:
            found: dict[str, Any] = json.loads(self._ready_file.read_text())
            alive = found.pop("started") == start_time(found.pop("pid"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return {name: str(where) for name, where in found.items()} if alive else None

    def record(self, child: Child) -> None:
        """Remember the newest process of ``child``."""
        self._children[child.name] = child
        self._write(
            Left(child.name, child.pid, child.process.started)
            for child in self._children.values()
            if child.process.started is not None
        )

    def pid_of(self, name: str) -> int | None:
        """The pid of the child ``name`` that runs now, also for other processes than the ``natya up`` itself."""
        return next((left.pid for left in self._read() if left.name == name and start_time(left.pid) == left.started), None)

    def names(self) -> list[str]:
        """The children that were started, in the order of their first starts, also for other processes than the ``natya up``."""
        return [left.name for left in self._read()]

    def kill_recorded(self) -> None:
        """SIGKILL to every child."""
        for child in self._children.values():
            child.process.signal(signal.SIGKILL)

    def end_left_behind(self) -> list[Left]:
        """End what a killed ``natya up`` left running, and return it.

        Pid and start time must both match, so no stranger that was given the same pid later is ever hit. All of it is
        made to survive SIGKILL, and a new start should not wait for it.
        """
        running = [left for left in self._read() if start_time(left.pid) == left.started]
        for left in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(left.pid, signal.SIGKILL)
        limit = time.monotonic() + END_LIMIT
        for left in running:
            while start_time(left.pid) == left.started:
                if time.monotonic() > limit:
                    raise ConfigurationError(f"{left.name} of an earlier natya up (pid {left.pid}) cannot be ended")
                time.sleep(0.01)
        self._write(())
        return running

    @property
    def _records(self) -> Path:
        return self.path / "processes.json"

    @property
    def _ready_file(self) -> Path:
        return self.path / "ready.json"

    def _read(self) -> list[Left]:
        try:
            return [Left(**left) for left in json.loads(self._records.read_text())]
        except FileNotFoundError:
            return []
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"{self._records} is damaged: see that nothing of it runs, then delete it") from error

    def _write(self, children: Iterable[Left]) -> None:
        _replace(self._records, [{"name": c.name, "pid": c.pid, "started": c.started} for c in children])


def _replace(file: Path, document: Any) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(document) + "\n")
    fresh.replace(file)
