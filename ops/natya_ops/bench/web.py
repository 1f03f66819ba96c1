"""Requests over HTTP for the load generator: kept connections, requests made beforehand, and no more of a client than reads a status.

A client for people would take more of the processor than the edge that is measured, on the same two cores.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import Final, cast
from urllib.parse import urlsplit

from natya_ops.bench.work import Done, Work

UNAVAILABLE: Final = 503
TICK: Final = 0.005
LINES_OF_ADDRESS: Final = 1_000
"""Connections from one address of this machine; an edge takes no more than twice as many."""


class Line(asyncio.Protocol):
    """One connection: a request, then its response."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._response: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without being of its class

    def connection_lost(self, exc: Exception | None) -> None:
        if self._response is not None and not self._response.done():
            self._response.set_exception(ConnectionError("the edge has ended the connection"))

    async def ask(self, request: bytes) -> int:
        """The status of the response. Raises `ConnectionError`."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionError("the connection has ended")
        self._response = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._response

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or self._response is None:
            return
        lowered = head.lower()
        length = int(lowered.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) >= length:
            self._received = b""
            self._response.set_result(int(head[9:12]))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Lines:
    """Connections to one host."""

    def __init__(self, work: Work) -> None:
        url = urlsplit(work.subject)
        self._host, self._port = url.hostname or "127.0.0.1", url.port or 80
        self._opened: list[Line] = []
        self.requests = [
            (
                f"POST {url.path.replace('{}', key)} HTTP/1.1\r\nHost: {url.netloc}\r\nAuthorization: Bearer {work.token}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(work.body.encode())}\r\n\r\n{work.body}"
            ).encode()
            for key in work.keys
        ]

    async def open(self, count: int) -> list[Line]:
        """So many connections, from several addresses of this machine if one may not have them all."""
        connect = asyncio.get_running_loop().create_connection
        for number in range(count):
            source = f"127.0.0.{1 + number // LINES_OF_ADDRESS}"
            _, line = await connect(Line, self._host, self._port, local_addr=(source, 0))
            self._opened.append(line)
        return list(self._opened)

    def close(self) -> None:
        for line in self._opened:
            line.close()


async def carry_out(work: Work, more: Callable[[], bool]) -> Done:
    """``work.callers`` that each send one request after another."""
    clock = time.perf_counter
    lines = Lines(work)
    requests = itertools.cycle(lines.requests)
    latencies: list[float] = []
    failures: list[str] = []

    async def call(line: Line) -> None:
        while more():
            sent = clock()
            status = await line.ask(next(requests))
            if status == 200:
                latencies.append(clock() - sent)
            else:
                failures.append(f"status {status}")

    try:
        opened = await lines.open(work.callers)
        began = clock()
        await asyncio.gather(*(call(line) for line in opened))
        return Done.of(clock() - began, latencies, failures)
    finally:
        lines.close()


async def flood(work: Work) -> Done:
    """``work.rate`` requests a second, whether or not others have been answered: what comes from many who know nothing of one another. There are
    ``work.callers`` connections; that none of them is free counts as a failure."""
    clock = time.perf_counter
    lines = Lines(work)
    requests = itertools.cycle(lines.requests)
    latencies: list[float] = []
    refusals: list[float] = []
    failures: list[str] = []

    async def call(line: Line) -> None:
        sent = clock()
        try:
            status = await line.ask(next(requests))
        except ConnectionError as error:
            failures.append(str(error))
            return
        free.append(line)
        if status == UNAVAILABLE:
            refusals.append(clock() - sent)
        elif status == 200:
            latencies.append(clock() - sent)
        else:
            failures.append(f"status {status}")

    try:
        free = await lines.open(work.callers)
        began = clock()
        sent = 0
        async with asyncio.TaskGroup() as calls:
            while (passed := clock() - began) < work.seconds:
                due = int(passed * work.rate) - sent
                sent += due
                ready = min(due, len(free))
                for _ in range(ready):
                    calls.create_task(call(free.pop()))
                failures.extend(["all connections are in use"] * (due - ready))
                await asyncio.sleep(TICK)
            answered = len(latencies)
        return Done.of(work.seconds, latencies[:answered], failures, refusals)
    finally:
        lines.close()
