"""Actors that end their process or hold its loop: an application of the black-box tests.

Whenever a handler that was told to do so begins, it appends its line to the file that ``DEADLY_RUNS`` names: that survives.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time

from pydantic import BaseModel

from natya import Actor, command, query


class Lines(BaseModel):
    lines: list[str] = []


def note(line: str) -> None:
    """Write the line down where the process's end does not reach it."""
    file = os.open(os.environ["DEADLY_RUNS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{os.getpid()} {line}\n".encode())
    os.close(file)


class Mortal(Actor[Lines], partitions=2):
    @command
    async def write(self, line: str, seconds: float = 0.0) -> int:
        await asyncio.sleep(seconds)
        self.state.lines.append(line)
        return len(self.state.lines)

    @command
    async def die(self, line: str) -> None:
        note(line)
        self.state.lines.append(line)
        await asyncio.sleep(0.02)
        os.kill(os.getpid(), signal.SIGKILL)

    @command
    async def block(self, line: str, seconds: float) -> None:
        """Holds the loop: nothing else of the process runs."""
        note(line)
        self.state.lines.append(line)
        time.sleep(seconds)  # noqa: ASYNC251 - the very thing that a handler must not do

    @query
    async def read(self) -> list[str]:
        return self.state.lines


class Bystander(Actor[Lines], partitions=4):
    @command
    async def write(self, line: str, seconds: float = 0.0) -> int:
        await asyncio.sleep(seconds)
        self.state.lines.append(line)
        return len(self.state.lines)

    @query
    async def read(self) -> list[str]:
        return self.state.lines
