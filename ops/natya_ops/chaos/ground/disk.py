"""A small file system for NATS alone, so that its disk can be full without ours being."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from natya.errors import ConfigurationError


class SmallDisk:
    """A mounted file system of few MiB. It is full as long as anybody fills it."""

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"
        self._fillers = 0

    @property
    def full(self) -> bool:
        return self._fillers > 0

    @asynccontextmanager
    async def filled(self) -> AsyncIterator[None]:
        """Take all the room there is on entry, give it back on exit."""
        self._fillers += 1
        try:
            await asyncio.to_thread(_fill, self._filler)
            yield
        finally:
            self._fillers -= 1
            if not self._fillers:
                self._filler.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk | str]:
    """Mount a file system in memory of ``megabytes`` MiB on ``folder``, for as long as this lasts; or say why that cannot be.
    Raises `ConfigurationError` if there is something in the folder, which would be hidden."""
    if os.geteuid() != 0:
        yield "mounting a small file system needs root"
        return
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty: a small disk for NATS needs a new data folder")
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        yield f"no small file system can be mounted here: {error}"
        return
    if mounted.returncode:
        yield f"no small file system can be mounted here: {mounted.stderr.strip()}"
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _fill(filler: Path) -> None:
    with filler.open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):  # there is no room for that much any more
                while True:
                    file.write(b"x" * size)
